import { createServer } from 'node:http';
import { resolve } from 'node:path';
import { createGateway, type Gateway, loadGatewayConfig } from '@millrace/edge';
import { type Service, systemClock, systemRandom } from '@millrace/foundation';
import type { Invocation, Work } from '../command.js';
import { integerOption, textOption } from '../options.js';
import { dataDirOf } from '../runtime/data-dir.js';
import { jsonHandler } from '../runtime/local-socket.js';
import { portUses, requireFreePorts } from '../runtime/ports.js';
import { runProcess } from '../runtime/run-process.js';

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
      const service = await withMetrics(invocation, gateway);
      return {
        service,
        local: jsonHandler({ 'GET /status': () => ({ role: 'edge', ...gateway.status() }) }, logger),
      };
    },
  });
};

/** The gateway with its Prometheus endpoint, where one is asked for; it answers from start to stop. */
async function withMetrics(invocation: Invocation, gateway: Gateway): Promise<Service> {
  const port = integerOption(invocation, 'metricsPort', '--metrics-port', 1, 65535);
  if (port === undefined) return gateway;
  const host = '127.0.0.1';
  await requireFreePorts(
    [{ host, port, use: portUses.gatewayMetrics }],
    'choose another with --metrics-port',
  );
  const server = createServer((request, response) => {
    const known = request.method === 'GET' && request.url?.split('?')[0] === '/metrics';
    response.writeHead(known ? 200 : 404, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    response.end(known ? gateway.metricsText() : 'GET /metrics\n');
  });
  return {
    async start() {
      await gateway.start();
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port }, resolve);
      });
    },
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await gateway.stop();
    },
  };
}
