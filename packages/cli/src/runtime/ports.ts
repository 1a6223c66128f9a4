import { createServer } from 'node:net';
import { MillraceError } from '@millrace/foundation';

/** The ports of an installation, in the order of `--port-base`: N is the console's, N+6 the metrics'. */
export interface PortPlan {
  readonly console: number;
  readonly mqtt: number;
  readonly postgres: number;
  readonly modbus: number;
  readonly opcua: number;
  readonly gatewayPage: number;
  readonly gatewayMetrics: number;
}

export const defaultPorts: PortPlan = {
  console: 8080,
  mqtt: 8883,
  postgres: 55432,
  modbus: 5020,
  opcua: 4840,
  gatewayPage: 8081,
  gatewayMetrics: 9464,
};

export const portUses: Readonly<Record<keyof PortPlan, string>> = {
  console: 'the console and API',
  mqtt: 'MQTT over TLS',
  postgres: 'PostgreSQL',
  modbus: 'the simulated Modbus server',
  opcua: 'the simulated OPC UA server',
  gatewayPage: "the gateway's page",
  gatewayMetrics: "the gateway's metrics",
};

/** The usual ports, or N to N+6. */
export function portPlan(base: number | undefined): PortPlan {
  if (base === undefined) return defaultPorts;
  return {
    console: base,
    mqtt: base + 1,
    postgres: base + 2,
    modbus: base + 3,
    opcua: base + 4,
    gatewayPage: base + 5,
    gatewayMetrics: base + 6,
  };
}

/** Fails with the name of the port and what wants it when another program listens there. */
export async function requireFreePorts(
  wanted: readonly { readonly host: string; readonly port: number; readonly use: string }[],
  advice: string,
): Promise<void> {
  for (const { host, port, use } of wanted) {
    const code = await bindError(host, port);
    if (code === undefined) continue;
    const where = `Port ${port} on ${host}, wanted for ${use},`;
    if (code === 'EACCES') {
      throw new MillraceError('port_taken', `${where} may not be opened by this user: ${advice}.`);
    }
    const why = code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be opened (${code})`;
    throw new MillraceError('port_taken', `${where} ${why}: stop it, or ${advice}.`, {
      details: { host, port },
    });
  }
}

function bindError(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(undefined)));
  });
}
