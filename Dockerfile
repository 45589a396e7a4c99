# Two stages: the first builds the wheel and installs it with its pinned dependencies, the second only runs it.
# Build: docker build -t eql-runner .

FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src

# What the program needs, by hash; this layer changes only with the pins.
COPY requirements.txt ./
RUN python -m venv /venv \
 && /venv/bin/pip install --require-hashes -r requirements.txt

# What builds the wheel, by hash too, and never in the image.
COPY requirements-dev.txt ./
RUN python -m venv /tools \
 && /tools/bin/pip install --require-hashes -r requirements-dev.txt

COPY pyproject.toml README.md LICENSE NOTICE ./
COPY rules ./rules
COPY kibana ./kibana
COPY runner ./runner
RUN /tools/bin/pip wheel --no-deps --no-build-isolation --no-index -w /dist . \
 && /venv/bin/pip install --no-deps --no-index /dist/*.whl


FROM python:3.11-slim
LABEL org.opencontainers.image.title="eql-runner" \
      org.opencontainers.image.description="Runs Elastic's detection rules beside an Elastic stack" \
      org.opencontainers.image.licenses="Apache-2.0 AND LicenseRef-Elastic-License-2.0"

RUN groupadd --system --gid 10001 runner \
 && useradd --system --uid 10001 --gid runner --no-create-home --shell /usr/sbin/nologin runner
COPY --from=build /venv /venv

# In a container the probes come from outside of it; everything else is set by whoever runs it.
ENV PATH="/venv/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RUNNER_HTTP_HOST=0.0.0.0

# By number, so that Kubernetes can tell that it is not root. Nothing is written to the file system.
USER 10001:10001
WORKDIR /etc/eql-runner
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + (os.environ.get('RUNNER_HTTP_PORT') or '9464') + '/healthz', timeout=4)"]

ENTRYPOINT ["eql-runner"]
CMD ["run"]
