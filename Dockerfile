# The page and the HTTP API, by the light installation: docker build --tag digits .
# docs/guides/serving.md says how to run it.

FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python -m venv --without-pip /opt/digits
COPY requirements requirements
RUN python -m pip install --require-hashes --no-deps -r requirements/build.txt
RUN python -m pip --python /opt/digits install --require-hashes --no-deps -r requirements/read.txt
# What changes most comes last, so that what was fetched before is used again.
COPY pyproject.toml LICENSE NOTICE ./
COPY src src
# The history, which has the version, is not copied: docker build --build-arg VERSION=1.0.0 says it.
ARG VERSION=0.0.0+unknown
RUN SETUPTOOLS_SCM_PRETEND_VERSION_FOR_DIGITS=$VERSION python -m pip wheel --no-deps --no-build-isolation --no-index --wheel-dir wheels .
RUN python -m pip --python /opt/digits install --no-deps --no-index wheels/digits-*.whl

# The second image has the same Python at the same place, and nothing that is only for building.
FROM python:3.13-slim
COPY --from=build /opt/digits /opt/digits
ENV PATH=/opt/digits/bin:$PATH PYTHONDONTWRITEBYTECODE=1
# A user without a name, a home, or a file of its own.
USER 65532:65532
EXPOSE 8000
# urllib would ask a proxy that the environment names; this asks the server itself.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-c", "from http.client import HTTPConnection as Connection; server = Connection('127.0.0.1', 8000, timeout=4); server.request('GET', '/healthz'); raise SystemExit(server.getresponse().status != 200)"]
ENTRYPOINT ["digits", "serve", "--host", "0.0.0.0"]
