# The gateway alone: production dependencies, transpiled code and its sources. No shell is needed to run it, and nothing of
# it is written to but /var/lib/atlas. How to use it: docs/RUNNING.md.
ARG NODE_IMAGE=node:22-bookworm-slim

# Everything that a build needs, by the lock file; nothing of it but dist goes on.
FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY gateway ./gateway
COPY plugins ./plugins
COPY adapters ./adapters
COPY config ./config
RUN node gateway/build.mjs

FROM ${NODE_IMAGE} AS production
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
ENV NODE_ENV=production ATLAS_DATA=/var/lib/atlas
WORKDIR /app
# Before anything is copied, so that a change of the code makes none of it again. A new volume takes this owner.
RUN install -d -o 1000 -g 1000 -m 0700 /var/lib/atlas
RUN ln -s /app/gateway/atlas.mjs /usr/local/bin/atlas
COPY --from=production /app/node_modules ./node_modules
COPY package.json LICENSE CHANGELOG.md ./
COPY gateway ./gateway
COPY plugins ./plugins
COPY adapters ./adapters
COPY config ./config
COPY deploy/healthcheck.mjs ./deploy/healthcheck.mjs
COPY --from=build /app/dist ./dist
COPY deploy/container.config.yml /etc/atlas/gateway.config.yml
# By number, so that whoever runs it can see that it is not root.
USER 1000:1000
VOLUME /var/lib/atlas
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=4s --start-period=15s --retries=3 CMD ["node", "deploy/healthcheck.mjs"]
ENTRYPOINT ["node", "gateway/atlas.mjs"]
CMD ["start", "--config", "/etc/atlas/gateway.config.yml"]
