# API, migrations and keys. No torch, no Ray, no worker code.
#   docker build -f deploy/images/api.Dockerfile -t scotoma-api:0.1.0 .
ARG PYTHON=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/scotoma
COPY deploy/constraints.txt pyproject.toml README.md LICENSE ./
COPY schemas ./schemas
RUN /opt/scotoma/bin/pip install -c constraints.txt ".[api]"

FROM ${PYTHON}
ENV PATH=/opt/scotoma/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
COPY --from=build /opt/scotoma /opt/scotoma
WORKDIR /app
COPY LICENSE ./
COPY schemas ./schemas
COPY services ./services
# A number, so that Kubernetes can see that it is not root. Only /tmp is ever written.
USER 10001:10001
EXPOSE 8000
ENV SCOTOMA_API_HOST=0.0.0.0
ENTRYPOINT []
CMD ["python", "-m", "services.api"]
