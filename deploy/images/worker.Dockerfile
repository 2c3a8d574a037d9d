# Dispatcher, Ray head and Ray worker, on CPUs.
#   docker build -f deploy/images/worker.Dockerfile -t scotoma-worker:0.1.0 --build-arg TORCH_INDEX=<index of CPU wheels> .
# Without TORCH_INDEX torch comes from the default index, on Linux with gigabytes of CUDA: works, and is large.
ARG PYTHON=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON} AS build
ARG TORCH_INDEX=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/scotoma
RUN /opt/scotoma/bin/pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch==2.13.0
COPY deploy/constraints.txt pyproject.toml README.md LICENSE ./
COPY schemas ./schemas
RUN /opt/scotoma/bin/pip install -c constraints.txt ".[server,worker]"

FROM ${PYTHON}
# KubeRay asks the health of a Ray pod with wget.
RUN apt-get update && apt-get install -y --no-install-recommends wget && rm -rf /var/lib/apt/lists/*
ENV PATH=/opt/scotoma/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp \
    RAY_USAGE_STATS_ENABLED=0 OMP_WAIT_POLICY=PASSIVE
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
