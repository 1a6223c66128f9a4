import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createField, type Field, type FieldOptions } from '@millrace/field';
import { errorMessage, type Logger, MillraceError, systemClock } from '@millrace/foundation';
import type { Invocation, Work } from '../command.js';
import { integerOption, positiveOption, textOption } from '../options.js';
import { dataDirOf, portBaseOf } from '../runtime/data-dir.js';
import { jsonHandler } from '../runtime/local-socket.js';
import { portPlan, portUses, requireFreePorts } from '../runtime/ports.js';
import { runProcess } from '../runtime/run-process.js';

export const runField: Work = (invocation) => serve(invocation, undefined);

export const runFieldReplay: Work = (invocation) => {
  const file = resolve(textOption(invocation, 'file') ?? '');
  const map = resolve(textOption(invocation, 'map') ?? '');
  for (const path of [file, map]) requireReadable(path);
  return serve(invocation, { file, map, speed: positiveOption(invocation, 'speed', '--speed') ?? 1 });
};

async function serve(invocation: Invocation, replay: FieldOptions['replay']): Promise<number> {
  const dataDir = dataDirOf(invocation);
  const ports = portPlan(portBaseOf(invocation));
  const host = textOption(invocation, 'host') ?? '127.0.0.1';
  const modbusPort = integerOption(invocation, 'modbusPort', '--modbus-port', 0, 65535) ?? ports.modbus;
  const opcuaPort = integerOption(invocation, 'opcuaPort', '--opcua-port', 0, 65535) ?? ports.opcua;
  const journal = textOption(invocation, 'journal');
  return runProcess({
    role: 'field',
    dataDir,
    invocation,
    build: async (logger, version) => {
      const wanted = [
        { host, port: modbusPort, use: portUses.modbus },
        { host, port: opcuaPort, use: portUses.opcua },
      ];
      await requireFreePorts(wanted, 'choose another with --modbus-port or --opcua-port');
      const field = createField({
        plant: textOption(invocation, 'plant') ?? 'water-pumping-station',
        seed: integerOption(invocation, 'seed', '--seed', 0, 0xffffffff) ?? 1,
        clock: systemClock,
        logger,
        host,
        modbusPort,
        opcuaPort,
        pkiDir: join(dataDir, 'pki', 'field'),
        stateFile: join(dataDir, 'field-state.json'),
        ...(journal === undefined ? {} : { journalFile: resolve(journal) }),
        ...(replay === undefined ? {} : { replay }),
      });
      return { service: field, local: fieldRoutes(field, version, logger) };
    },
  });
}

function fieldRoutes(field: Field, version: string, logger: Logger) {
  return jsonHandler(
    {
      'GET /status': () => ({ role: 'field', version, ...field.status() }),
      'POST /fault': (body) => {
        const { device, kind, tag, clear } = (body ?? {}) as Record<string, unknown>;
        field.fault(String(device), kind as Parameters<Field['fault']>[1], {
          clear: clear === true,
          ...(typeof tag === 'string' ? { tag } : {}),
        });
        return { device, kind, clear: clear === true };
      },
    },
    logger,
  );
}

function requireReadable(path: string): void {
  try {
    readFileSync(path, { flag: 'r' });
  } catch (error) {
    throw new MillraceError(
      'config_unreadable',
      `${path} cannot be read (${errorMessage(error)}): check the path.`,
      {
        cause: error,
      },
    );
  }
}
