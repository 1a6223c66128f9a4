import { relative } from 'node:path';
import type { ChildRole, DemoPlan } from './plan.js';

export interface BannerFacts {
  readonly plan: DemoPlan;
  readonly portBase: number | undefined;
  readonly link: string;
  readonly pids: Readonly<Record<ChildRole, number | undefined>>;
}

/** What a person needs to know once everything runs: where to look, what runs, where the data is, what to try. */
export function bannerText({ plan, portBase, link, pids }: BannerFacts): string {
  const { ports, dataDir } = plan;
  const near = relative(process.cwd(), dataDir);
  const folder = near === '' || near.startsWith('..') ? dataDir : `./${near}`;
  const again = whereOption(plan, portBase);
  return `
  Millrace runs a simulated water pumping station.

  Console    http://127.0.0.1:${ports.console}
  Sign in    ${link}
             (works once; "npx millrace sign-in-link${again}" makes another)

  Running    field     pid ${pids.field}: pumps, tank and meter on Modbus TCP ${ports.modbus} and OPC UA ${ports.opcua}
             edge      pid ${pids.edge}: gateway GW-01, reads them and sends on; its own page: http://127.0.0.1:${ports.gatewayPage}
             platform  pid ${pids.platform}: broker ${ports.mqtt}, PostgreSQL ${ports.postgres}, API and console ${ports.console}
  Data       ${folder} (configuration, database, outbox, certificates; logs in ${folder}/log)

  Try        npx millrace field fault P-101 wire-break${again}
             npx millrace field fault P-101 wire-break --clear${again}
             npx millrace status${again}

  Ctrl-C stops everything.
`;
}

/** What a verb needs to find this copy from the same working folder. */
function whereOption(plan: DemoPlan, portBase: number | undefined): string {
  const near = relative(process.cwd(), plan.dataDir);
  if (near === 'var') return '';
  if (portBase !== undefined && near === `var/p${portBase}`) return ` --port-base ${portBase}`;
  return ` --data ${plan.dataDir}`;
}
