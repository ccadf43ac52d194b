# One image for every process of ours: loop worker, gpu worker, serving, and the command line.
# docker build -t seawall:0.1.0 .        (docker-compose.yml does it; see docs/deploy.md)
ARG NODE_IMAGE=node:20.20.2-bookworm-slim

# --- compiled sources and the workflow bundle: a worker must not bundle at start-up ------------------------------------------
FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY scripts scripts
COPY src src
COPY examples examples
RUN node scripts/build.mjs && test -s dist/workflow-bundle.js

# --- what runs needs no compiler, no linter and no test tools ----------------------------------------------------------------
FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

# --- the trainer's Python, exactly as locked, every wheel checked against its hash -------------------------------------------
FROM ${NODE_IMAGE} AS trainer
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
# A team's own trainer brings its own lock: --build-arg TRAINER_LOCK=path/in/the/clone
ARG TRAINER_LOCK=trainers/xgboost/requirements.lock
COPY ${TRAINER_LOCK} /tmp/requirements.lock
RUN python3 -m venv /opt/trainer \
 && /opt/trainer/bin/pip install --require-hashes --no-cache-dir --disable-pip-version-check -r /tmp/requirements.lock

# --- what runs ---------------------------------------------------------------------------------------------------------------
FROM ${NODE_IMAGE} AS runtime
LABEL org.opencontainers.image.title="seawall" org.opencontainers.image.licenses="Apache-2.0"
# The venv's interpreter is a link to this one: the same release of the same distribution.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 seawall \
 && useradd --uid 10001 --gid 10001 --home-dir /var/lib/seawall --shell /usr/sbin/nologin seawall \
 && install --directory --owner=10001 --group=10001 --mode=0750 /var/lib/seawall
WORKDIR /app
COPY --from=trainer /opt/trainer /opt/trainer
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
COPY bin bin
COPY trainers trainers
COPY docker/health.mjs docker/health.mjs
# A named volume that is mounted there for the first time takes over the folder's owner.
ENV NODE_ENV=production \
    PYTHONDONTWRITEBYTECODE=1 \
    SEAWALL_HOME=/var/lib/seawall \
    SEAWALL_PYTHON=/opt/trainer/bin/python
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/bin/seawall.js"]
CMD ["--help"]
