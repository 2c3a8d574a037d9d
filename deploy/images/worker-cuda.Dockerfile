# Ray worker with a GPU: torch with CUDA, onnxruntime-gpu in place of onnxruntime. CUDA itself comes in wheels; the node
# brings the driver and NVIDIA's container runtime.
#   docker build -f deploy/images/worker-cuda.Dockerfile -t scotoma-worker-cuda:0.1.0 --build-arg TORCH_INDEX=<index of CUDA wheels> .
ARG PYTHON=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON} AS build
ARG TORCH_INDEX=""
ARG TORCH=torch==2.13.0
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/scotoma
RUN /opt/scotoma/bin/pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$TORCH"
COPY deploy/constraints.txt pyproject.toml README.md LICENSE ./
COPY schemas ./schemas
RUN /opt/scotoma/bin/pip install -c constraints.txt ".[server,worker-cuda]"

FROM ${PYTHON}
# KubeRay asks the health of a Ray pod with wget.
RUN apt-get update && apt-get install -y --no-install-recommends wget && rm -rf /var/lib/apt/lists/*
ENV PATH=/opt/scotoma/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp \
    RAY_USAGE_STATS_ENABLED=0 OMP_WAIT_POLICY=PASSIVE \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
# ONNX Runtime looks for CUDA on the library path; torch's wheels bring it (folders of CUDA 13, then of CUDA 12).
ARG NVIDIA=/opt/scotoma/lib/python3.11/site-packages/nvidia
ENV LD_LIBRARY_PATH=${NVIDIA}/cu13/lib:${NVIDIA}/cudnn/lib:${NVIDIA}/cublas/lib:${NVIDIA}/cuda_runtime/lib:${NVIDIA}/cuda_nvrtc/lib:${NVIDIA}/cufft/lib:${NVIDIA}/curand/lib:${NVIDIA}/nvjitlink/lib
COPY --from=build /opt/scotoma /opt/scotoma
WORKDIR /app
COPY LICENSE ./
COPY schemas ./schemas
COPY workers ./workers
COPY services ./services
# A number, so that Kubernetes can see that it is not root. Only /tmp is ever written.
USER 10001:10001
ENTRYPOINT []
CMD ["python", "-m", "services.dispatch"]
