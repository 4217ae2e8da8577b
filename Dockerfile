# For the CPU:    docker build --tag mapper .
# For a GPU:      docker build --tag mapper:cuda --build-arg TORCH_INDEX= .
# Then:           docker run --rm --volume "$PWD:/work" mapper run recording/ --out runs/recording
#                 docker run --rm --gpus all --volume "$PWD:/work" mapper:cuda run images/ --frontend cut3r-ttsa
# With no index PyTorch is PyPI's, whose wheels bring CUDA: the image needs no CUDA of its own, only the
# NVIDIA container toolkit on the machine. Which user owns what is written: --user "$(id -u):$(id -g)".
ARG PYTHON=3.12
FROM python:${PYTHON}-slim AS wheel
COPY . /source
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /dist /source

FROM python:${PYTHON}-slim
# What Open3D and OpenCV link to, and a slim image lacks; in whatever version Debian has repaired.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libegl1 libx11-6 libgomp1 \
    && rm -rf /var/lib/apt/lists/*
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY constraints.txt /tmp/constraints.txt
RUN if [ -n "$TORCH_INDEX" ]; then \
        pip install --no-cache-dir --no-deps --index-url "$TORCH_INDEX" \
            "$(grep '^torch==' /tmp/constraints.txt)"; \
    fi
COPY --from=wheel /dist /dist
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt /dist/*.whl && rm -r /dist
# Weights, sample room and compiled kernels: mount a volume here and they stay.
ENV HOME=/cache MAPPER_CACHE=/cache/mapper NUMBA_CACHE_DIR=/cache/numba PYTHONUNBUFFERED=1
RUN mkdir --mode 1777 /cache
VOLUME /cache
WORKDIR /work
ENTRYPOINT ["mapper"]
CMD ["--help"]
