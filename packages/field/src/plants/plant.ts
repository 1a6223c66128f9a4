import type { Random } from '@millrace/foundation';
import type { CommandName, PlantMap } from './map-types.js';

/** One device's true readings by tag, in the tag's unit. */
export type DeviceReadings = Readonly<Record<string, number | boolean>>;
/** All devices of a plant by device id. */
export type Readings = Readonly<Record<string, DeviceReadings>>;

/**
 * A simulated plant. State is plain data, every function is pure, so a run is repeated exactly by the same seed,
 * start time and commands, and the state can be kept in a file.
 */
export interface Plant<State = unknown> {
  readonly map: PlantMap;
  /** The plant as it stands at `timeS` (Unix seconds) when first switched on, already settled. */
  initialState(timeS: number, random: Random): State;
  /** The state `dtS` seconds later. */
  step(state: State, dtS: number, random: Random): State;
  /** What the instruments show: the state with sensor noise. */
  read(state: State, random: Random): Readings;
  /** The state after an operator's command; undefined when the value is out of bounds. */
  command(state: State, deviceId: string, command: CommandName, value: number): State | undefined;
  /** What a command's register reads back. */
  readBack(state: State, deviceId: string, command: CommandName): number;
  /** Unix seconds the state stands at. */
  timeS(state: State): number;
  /** The same state, its own time set to `timeS`: after a long stop the plant does not relive the time between. */
  at(state: State, timeS: number): State;
  /** The state held in parsed JSON, or undefined when it is not one of this plant. */
  restore(json: unknown): State | undefined;
}
