# Workers and capture: the packages of the lock, then this repository.
FROM python:3.11-slim
WORKDIR /app
COPY .ci/requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt
COPY pyproject.toml README.md ./
COPY streams streams
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev \
 && pip install --no-cache-dir --no-deps --no-build-isolation -e . \
 && apt-get purge -y -qq --auto-remove gcc libc6-dev && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home streams && mkdir -p /data /schemas && chown streams /data
COPY schemas /schemas
USER streams
ENV STREAMS_SCHEMAS=/schemas STREAMS_DATA=/data PYTHONUNBUFFERED=1
VOLUME /data
