# The image has no build step: Node runs the TypeScript files.
FROM node:24.21-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Without install scripts: the only package with one (msgpackr's addon) works without it.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24.21-slim
LABEL org.opencontainers.image.title="Callkeeper" \
      org.opencontainers.image.description="Keeps Microsoft Teams calls of bots alive on Microsoft Graph" \
      org.opencontainers.image.licenses="MIT"
# All interfaces of the container. The daemon then demands keys (or AUTH=none).
ENV NODE_ENV=production \
    HOST=0.0.0.0
WORKDIR /app
# Owned by root: the process cannot change what it runs.
COPY --from=packages /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY config ./config
COPY src ./src
# The board links to it.
COPY docs/runbook.md ./docs/
# The user `node` of the base image, as a number so that Kubernetes can see that it is not root.
USER 1000:1000
EXPOSE 8080
STOPSIGNAL SIGTERM
# Alive, not ready: a restart would not bring back a Redis that is out.
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s --retries=3 \
    CMD ["bash", "config/docker/health"]
CMD ["node", "src/main.ts"]
