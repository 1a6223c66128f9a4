import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  type ConfigProblem,
  configError,
  configLocator,
  errorMessage,
  MillraceError,
  parseConfig,
} from '@millrace/foundation';
import { compilePlan } from './compile.js';
import { type GatewayConfig, gatewayConfig } from './declaration.js';
import type { Plan } from './plan.js';

export interface LoadedConfig {
  readonly config: GatewayConfig;
  readonly plan: Plan;
}

/** Reads and checks a configuration file. Throws `config_unreadable`, or `config_invalid` with every problem. */
export function loadGatewayConfig(file: string): LoadedConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new MillraceError(
      'config_unreadable',
      `The configuration file ${file} cannot be read: ${errorMessage(error)}.`,
      { cause: error },
    );
  }
  return checkGatewayConfig(text, file);
}

/** The same for text that did not come from a file (a configuration pushed at run time); `file` resolves paths. */
export function checkGatewayConfig(text: string, file: string): LoadedConfig {
  const parsed = parseConfig(text, gatewayConfig);
  if (!parsed.ok) throw configError(file, parsed.problems);
  const config = parsed.value as unknown as GatewayConfig;
  const locate = configLocator(text);
  const { plan, problems } = compilePlan(config, locate);
  const all = [...problems, ...missingFiles(config, file, locate)];
  if (all.length > 0) throw configError(file, all);
  return { config, plan };
}

/** Paths in a configuration are read from the folder of its file. */
export function resolvePath(configFile: string, path: string): string {
  return resolve(dirname(configFile), path);
}

function missingFiles(
  config: GatewayConfig,
  file: string,
  locate: (path: readonly (string | number)[]) => number,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const need = (path: readonly (string | number)[], value: string | undefined) => {
    if (value === undefined || existsSync(resolvePath(file, value))) return;
    problems.push({
      path: path.join('.'),
      line: locate(path),
      message: `names ${resolvePath(file, value)}, which does not exist`,
    });
  };
  const { uplink } = config;
  need(['uplink', 'ca'], uplink.ca);
  need(['uplink', 'certificate'], uplink.certificate);
  need(['uplink', 'key'], uplink.key);
  if ((uplink.certificate === undefined) !== (uplink.key === undefined)) {
    problems.push({
      path: 'uplink',
      line: locate(['uplink']),
      message: 'needs certificate and key together',
    });
  }
  for (const name of Object.keys(config.drivers)) {
    const driver = config.drivers[name];
    if (driver?.type !== 'opcua') continue;
    driver.trust.forEach((path, i) => {
      need(['drivers', name, 'trust', i], path);
    });
    need(['drivers', name, 'account_file'], driver.account_file);
    need(['drivers', name, 'user_certificate', 'certificate'], driver.user_certificate?.certificate);
    need(['drivers', name, 'user_certificate', 'key'], driver.user_certificate?.key);
  }
  return problems;
}
