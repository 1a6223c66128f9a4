import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** One simulated publisher. */
export interface GeneratorClient {
  readonly clientId: string;
  readonly topic: string;
  /** JSON text in which `"{ts}"`, `"{seq}"` and `{ulid}` stand where the generator patches; see `envelopeTemplate`. */
  readonly payload: string;
  readonly firstSeq?: number;
  /** PEM files of this client's own certificate; the shared ones of `tls` otherwise. */
  readonly cert?: string;
  readonly key?: string;
}

export interface GeneratorOptions {
  readonly host: string;
  readonly port: number;
  readonly clients: readonly GeneratorClient[];
  /** Unacknowledged messages a connection. */
  readonly inFlight?: number;
  readonly warmupS?: number;
  readonly seconds?: number;
  /** Messages a second over all connections; 0 = as fast as the window allows. */
  readonly rate?: number;
  /** Keep alive of every connection, with a PINGREQ at half of it; without it 60 s and no PINGREQ. */
  readonly keepAliveS?: number;
  /** Longest wait for the last acknowledgements; 30 s without it. */
  readonly drainS?: number;
  readonly tls?: {
    readonly ca: string;
    readonly cert?: string;
    readonly key?: string;
    readonly servername?: string;
  };
}

export interface GeneratorResult {
  readonly connections: number;
  readonly sent: number;
  readonly acked: number;
  readonly refused: number;
  /** Connections that ended before the end. */
  readonly closed: number;
  readonly acked_in_window: number;
  readonly window_s: number;
  readonly messages_per_s: number;
  readonly ack_p50_ms: number | null;
  readonly ack_p99_ms: number | null;
  readonly generator_cpu_us_per_message: number | null;
  /** Above about 0.9 the generator, not the product, is the limit. */
  readonly generator_cpu_cores: number;
}

/** Marks where the measured window begins and ends, so that the caller can read the product's CPU time there. */
export interface WindowListener {
  begin(): void;
  end(): void;
  /** About ten times a second: messages acknowledged so far, as the clients saw it. */
  acked?(messages: number): void;
}

/** Runs the generator in its own process and waits for its result. Rejects with its own words when it fails. */
export function runGenerator(options: GeneratorOptions, window?: WindowListener): Promise<GeneratorResult> {
  const main = fileURLToPath(new URL('./main.mjs', import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main], { stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      const text = chunk.toString();
      if (text.includes('window\n')) window?.begin();
      if (text.includes('window-end\n')) window?.end();
      const acked = window?.acked && text.match(/.*acked (\d+)\n/s);
      if (acked) window.acked?.(Number(acked[1]));
      said = (said + text).slice(-20_000);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(out) as GeneratorResult);
      else
        reject(
          new Error(
            `the load generator ended with ${code}: ${said.split('\n').find((line) => line.includes('Error')) ?? said.trim()}`,
          ),
        );
    });
    child.stdin.end(JSON.stringify({ ...options, progress: window?.acked !== undefined }));
  });
}

/** The D2C-1 envelope of a centrifugal pump with six values (about 450 bytes), with marks for the generator. */
export function envelopeTemplate(deviceId: string): string {
  return JSON.stringify({
    schema_version: '2.1',
    msg_id: '{ulid}',
    device_id: deviceId,
    device_type: 'centrifugal_pump',
    ts: '{ts}',
    seq: '{seq}',
    d: {
      temp_inlet_c: { v: 72.4, q: 192 },
      temp_outlet_c: { v: 81.2, q: 192 },
      pressure_bar: { v: 4.2, q: 192 },
      flow_m3h: { v: 142.7, q: 192 },
      vibration_rms_mms: { v: 0.82, q: 68 },
      power_kw: { v: 18.4, q: 192 },
    },
    meta: { fw_version: '2.3.1', edge_latency_ms: 143 },
  });
}
