import { useState } from 'react';
import { now } from '../../lib/clock';
import { download } from '../../lib/csv';

interface ExportProps {
  /** Start of the files' names, e.g. `record-P-101`. */
  readonly name: string;
  readonly csv: () => Promise<string> | string;
  readonly json: () => Promise<unknown> | unknown;
  /** Brings everything into the page that the statement is to hold. */
  readonly beforePrint?: () => Promise<void>;
}

/** The record as a file or on paper. */
export function ExportButtons({ name, csv, json, beforePrint }: ExportProps) {
  const [state, setState] = useState<'ready' | 'busy' | 'failed'>('ready');
  const guarded = (work: () => Promise<void>) => async () => {
    setState('busy');
    try {
      await work();
      setState('ready');
    } catch {
      setState('failed');
    }
  };
  const file = (ending: string) => `${name}-${new Date(now()).toISOString().slice(0, 19)}Z.${ending}`;
  const saveCsv = guarded(async () => download(file('csv'), await csv()));
  const saveJson = guarded(async () =>
    download(file('json'), `${JSON.stringify(await json(), null, 2)}\n`, 'application/json'),
  );
  const print = guarded(async () => {
    await beforePrint?.();
    window.print();
  });
  return (
    <span className="list-actions">
      <span role="status" className="small">
        {state === 'failed' ? 'Not exported: try again.' : ''}
      </span>
      <button type="button" className="button" disabled={state === 'busy'} onClick={() => void saveCsv()}>
        CSV
      </button>
      <button type="button" className="button" disabled={state === 'busy'} onClick={() => void saveJson()}>
        JSON
      </button>
      <button type="button" className="button" disabled={state === 'busy'} onClick={() => void print()}>
        Print
      </button>
    </span>
  );
}
