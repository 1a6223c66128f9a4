/** How a value is held in the scratch. */
export const Kind = { absent: 0, none: 1, number: 2, boolean: 3, text: 4 } as const;

/**
 * One decoded message, reused for every row: what the decoders fill and the row writer reads. Tag columns by their
 * position in the table's layout.
 */
export class RowScratch {
  readonly kind: Uint8Array;
  readonly value: Float64Array;
  readonly text: string[];
  readonly q: Int16Array;
  ts = 0;
  /** 0 = absent. */
  seq = 0;
  /** -1 = absent. */
  epoch = -1;
  /** -1 = absent. */
  sourceTs = -1;
  hasMsgId = false;
  readonly msgId = Buffer.alloc(16);
  fwVersion: string | undefined;
  /** Tags outside the contract: name, value as JSON text, quality. */
  readonly extras: { tag: string; json: string; q: number }[] = [];

  constructor(columnsMax: number) {
    this.kind = new Uint8Array(columnsMax);
    this.value = new Float64Array(columnsMax);
    this.q = new Int16Array(columnsMax);
    this.text = new Array<string>(columnsMax).fill('');
  }

  clear(): void {
    this.kind.fill(0);
    this.seq = 0;
    this.epoch = -1;
    this.sourceTs = -1;
    this.hasMsgId = false;
    this.fwVersion = undefined;
    if (this.extras.length > 0) this.extras.length = 0;
  }
}
