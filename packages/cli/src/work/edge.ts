import { createServer, type Server } from 'node:http';
import { resolve } from 'node:path';
import { createGateway, type Gateway, loadGatewayConfig } from '@millrace/edge';
import { type Service, systemClock, systemRandom } from '@millrace/foundation';
import type { Invocation, Work } from '../command.js';
import { integerOption, textOption } from '../options.js';
import { dataDirOf } from '../runtime/data-dir.js';
import { jsonHandler } from '../runtime/local-socket.js';
import { portUses, requireFreePorts } from '../runtime/ports.js';
import { runProcess } from '../runtime/run-process.js';
import { gatewayPage } from './edge-page.js';

export const runEdge: Work = async (invocation) => {
  const configFile = resolve(textOption(invocation, 'config') ?? '');
  // Read before the data folder is touched: a wrong line is told without a side effect.
  const { config } = loadGatewayConfig(configFile);
  return runProcess({
    role: 'edge',
    dataDir: dataDirOf(invocation),
    invocation,
    build: async (logger, version) => {
      const gateway = createGateway({
        config,
        configFile,
        clock: systemClock,
        random: systemRandom,
        logger,
        version,
      });
      const service = await withEndpoints(invocation, gateway);
      return {
        service,
        local: jsonHandler({ 'GET /status': () => ({ role: 'edge', ...gateway.status() }) }, logger),
      };
    },
  });
};

interface Endpoint {
  readonly port: number;
  readonly use: string;
  readonly flag: string;
  readonly type: string;
  readonly body: () => string;
}

/** The gateway with its page and Prometheus endpoint, where they are asked for; they answer from start to stop. */
async function withEndpoints(invocation: Invocation, gateway: Gateway): Promise<Service> {
  const metricsPort = integerOption(invocation, 'metricsPort', '--metrics-port', 1, 65535);
  const pagePort = integerOption(invocation, 'pagePort', '--page-port', 1, 65535);
  const endpoints: Endpoint[] = [];
  if (metricsPort !== undefined) {
    const type = 'text/plain; version=0.0.4; charset=utf-8';
    const body = () => gateway.metricsText();
    endpoints.push({ port: metricsPort, use: portUses.gatewayMetrics, flag: '--metrics-port', type, body });
  }
  if (pagePort !== undefined) {
    const type = 'text/html; charset=utf-8';
    const body = () => gatewayPage(gateway.status());
    endpoints.push({ port: pagePort, use: portUses.gatewayPage, flag: '--page-port', type, body });
  }
  for (const { port, use, flag } of endpoints) {
    await requireFreePorts([{ host, port, use }], `choose another with ${flag}`);
  }
  const servers = endpoints.map(endpointServer);
  return {
    async start() {
      await gateway.start();
      await Promise.all(servers.map((server, i) => listen(server, endpoints[i]?.port ?? 0)));
    },
    async stop() {
      await Promise.all(servers.map(close));
      await gateway.stop();
    },
  };
}

/** Only this machine: neither page nor metrics ask who is there. */
const host = '127.0.0.1';

function endpointServer({ type, body }: Endpoint): Server {
  return createServer((request, response) => {
    const path = request.url?.split('?')[0];
    const known = request.method === 'GET' && (path === '/' || path === '/metrics');
    response.writeHead(known ? 200 : 404, { 'content-type': known ? type : 'text/plain' });
    response.end(known ? body() : 'There is nothing here.\n');
  });
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, resolve);
  });
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
