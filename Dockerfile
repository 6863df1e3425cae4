# orienteer on the CPU. The demo needs no data:
#   docker build . -t orienteer && docker run --rm -v "$PWD/runs:/runs" --user "$(id -u):$(id -g)" orienteer
FROM python:3.12-slim-bookworm

# The builds for CPUs, a tenth of the size of those for GPUs. For a GPU: --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG TORCH_VERSION=2.13.0

WORKDIR /opt/orienteer
COPY pyproject.toml build_version.py .git_archival.txt constraints.txt README.md LICENSE ./
COPY orienteer ./orienteer
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" "torch==${TORCH_VERSION}" \
    && pip install --no-cache-dir --constraint constraints.txt ".[explore]" \
    && useradd --uid 1000 orienteer \
    && install --directory --owner=1000 --mode=1777 /runs

USER 1000
ENV MPLCONFIGDIR=/tmp/matplotlib \
    HOME=/tmp
WORKDIR /runs
VOLUME /runs
ENTRYPOINT ["orienteer"]
CMD ["demo", "--out", "/runs/demo"]
