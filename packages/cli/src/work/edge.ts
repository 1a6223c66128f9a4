import { resolve } from 'node:path';
import { createGateway, loadGatewayConfig } from '@millrace/edge';
import { systemClock, systemRandom } from '@millrace/foundation';
import type { Work } from '../command.js';
import { textOption } from '../options.js';
import { dataDirOf } from '../runtime/data-dir.js';
import { jsonHandler } from '../runtime/local-socket.js';
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
      return {
        service: gateway,
        local: jsonHandler({ 'GET /status': () => ({ role: 'edge', version, ...gateway.status() }) }, logger),
      };
    },
  });
};
