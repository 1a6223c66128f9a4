/** What the starter reports, as the device type's `run_state`. */
export const RunState = { stopped: 0, running: 1, starting: 2, tripped: 3 } as const;

export interface PumpState {
  readonly runState: 0 | 1 | 2 | 3;
  /** Seconds in the present run state. */
  readonly inStateS: number;
  readonly auto: boolean;
  readonly runCommand: boolean;
  readonly setpointRpm: number;
  readonly speedRpm: number;
  readonly flowM3h: number;
  readonly dischargeBar: number;
  readonly powerKw: number;
  readonly inletC: number;
  readonly outletC: number;
  readonly bearingC: number;
  readonly vibrationMms: number;
  /** 0 new, 1 worn out. */
  readonly wear: number;
  readonly runHours: number;
}

export interface PlantState {
  /** Unix seconds. */
  readonly timeS: number;
  readonly pumps: readonly PumpState[];
  readonly tank: {
    readonly volumeM3: number;
    readonly inflowM3h: number;
    readonly outflowM3h: number;
    readonly tempC: number;
    readonly filling: boolean;
    /** Total spilled over the overflow, m3. */
    readonly overflowM3: number;
  };
  readonly controller: {
    /** Speed ratio commanded to all auto pumps. */
    readonly speedRatio: number;
    /** How many auto pumps should run. */
    readonly wanted: number;
    /** Seconds the present wish to add (+) or drop (-) a pump has lasted. */
    readonly stagingS: number;
    /** Latched from the low switch until the restart level. */
    readonly dry: boolean;
  };
  readonly headerHeadM: number;
  /** Relative demand noise, slowly wandering around 0. */
  readonly demandNoise: number;
  readonly meter: {
    readonly powerKw: number;
    readonly energyKwh: number;
    readonly frequencyHz: number;
    readonly voltageV: number;
    readonly powerFactor: number;
  };
}
