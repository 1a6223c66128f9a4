/**
 * The station: a treatment works fills the tank T-201 through a valve; three equal pumps draw from the tank into a
 * common header and keep the network's pressure. Heads are metres of water above the pump floor, flows are m3/h.
 */
export const parameters = {
  pumpIds: ['P-101', 'P-102', 'P-103'],
  nominalRpm: 2950,
  minRpm: 600,
  /** Shut-off head and curvature of one pump at nominal speed: H = a - b * Q^2. */
  pumpHeadA: 70,
  pumpCurveB: 7.0e-4,
  /** Flow of best efficiency at nominal speed, and the efficiency there. */
  bestFlow: 165,
  bestEfficiency: 0.78,
  motorEfficiency: 0.93,
  /** Static head of the network and the head at which it draws the demanded flow. */
  staticHead: 20,
  referenceHead: 51,
  pressureSetpointBar: 5,
  meanDemand: 270,
  tankAreaM2: 100,
  tankHeightM: 6,
  highSwitchM: 5.5,
  lowSwitchM: 0.6,
  /** The fill valve opens below the first level and closes above the second. */
  fillOpenM: 2.6,
  fillCloseM: 4.6,
  fillFlow: 440,
  /** Auto pumps stop at the low switch and may start again above this level. */
  restartLevelM: 1.2,
  /** Below this level the suction head no longer suffices and the pumps start to cavitate. */
  cavitationLevelM: 1.2,
  bearingTripC: 110,
  vibrationTripMms: 18,
  auxiliaryKw: 2.5,
  sourceTempC: 12,
} as const;

/** Bar of gauge pressure under one metre of water. */
export const barPerMetre = 0.0980665;
