# The worker and the command line, for docker-compose.yml. Not built in CI: no engine runs there;
# test/docker.test.ts checks what can be checked without one.
#
# Debian, not Alpine: Temporal's native core is built for glibc. The image is pinned by its exact
# version; whoever wants more adds the digest that `docker pull` prints.
FROM node:20.20.2-bookworm-slim AS base
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

# The install scripts serve embedded Postgres, which does not run here; `prepare` needs the sources.
FROM base AS build
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
COPY workflows workflows
COPY activities activities
COPY drizzle drizzle
RUN node scripts/build.mjs

FROM base AS dependencies
RUN npm ci --omit=dev --ignore-scripts

FROM base
RUN apt-get update \
  && apt-get install --yes --no-install-recommends \
    bubblewrap ca-certificates git openssh-client procps util-linux \
  && rm -rf /var/lib/apt/lists/*
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY drizzle/migrations drizzle/migrations
# A named volume takes over the owner of the folder it is first mounted on: so it belongs to `node`.
RUN mkdir -p /var/lib/mission-control \
  && chown node:node /var/lib/mission-control \
  && ln -s /app/dist/src/main/cli.js /usr/local/bin/mission
ENV NODE_ENV=production MISSION_HOME=/var/lib/mission-control
USER node
CMD ["node", "dist/src/main/worker.js"]
