# One image for each program: docker build --target server|packager|trainer|trainer-gpu|player .
# Every dependency is installed from a lock with its hash; none of the images holds a compiler or this source tree.

FROM python:3.11-slim-bookworm AS python
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

FROM python AS wheel
WORKDIR /src
COPY requirements/build.lock requirements/
RUN pip install --require-hashes -r requirements/build.lock
COPY . .
# The page that the server shows; Node is among what was installed.
RUN python web/build.py page
# Without isolation the build backend is the one that was locked.
RUN pip wheel --no-deps --no-build-isolation -w /wheel .

# An environment for each set of dependencies. The wheel comes last: a change of our code does not install them anew.
FROM python AS base-venv
COPY requirements/base.lock /requirements/
RUN python -m venv /venv && /venv/bin/pip install --require-hashes -r /requirements/base.lock
COPY --from=wheel /wheel /wheel
RUN /venv/bin/pip install --no-deps /wheel/*.whl

FROM python AS trainer-venv
COPY requirements/trainer.lock /requirements/
RUN python -m venv /venv && /venv/bin/pip install --require-hashes -r /requirements/trainer.lock
COPY --from=wheel /wheel /wheel
RUN /venv/bin/pip install --no-deps /wheel/*.whl

FROM python AS trainer-gpu-venv
COPY requirements/trainer-gpu.lock /requirements/
RUN python -m venv /venv && /venv/bin/pip install --require-hashes -r /requirements/trainer-gpu.lock
COPY --from=wheel /wheel /wheel
RUN /venv/bin/pip install --no-deps /wheel/*.whl

FROM python AS player-venv
COPY requirements/player.lock /requirements/
RUN python -m venv /venv && /venv/bin/pip install --require-hashes -r /requirements/player.lock
COPY --from=wheel /wheel /wheel
RUN /venv/bin/pip install --no-deps /wheel/*.whl

# What all of them run in: a user without rights, who owns the two folders that volumes are mounted on.
FROM python:3.11-slim-bookworm AS plain
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin neudash \
 && install -d -o neudash -g neudash /bundles /out
ENV PATH=/venv/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER neudash
WORKDIR /bundles
ENTRYPOINT ["neudash"]
CMD ["--help"]

FROM plain AS server
COPY --from=base-venv /venv /venv
EXPOSE 8000
# The default of the program is to listen on loopback only, which nobody outside a container reaches.
ENV NEUDASH_SERVER_HOST=0.0.0.0 NEUDASH_SERVER_ROOT=/bundles
CMD ["serve"]

# OpenCV loads these when it is imported; the server never does.
FROM plain AS pixels
USER root
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
 && rm -rf /var/lib/apt/lists/*
USER neudash

FROM pixels AS packager
COPY --from=base-venv /venv /venv

FROM pixels AS trainer
COPY --from=trainer-venv /venv /venv

FROM pixels AS trainer-gpu
COPY --from=trainer-gpu-venv /venv /venv

FROM pixels AS player
COPY --from=player-venv /venv /venv
WORKDIR /out
