/**
 * Writes a PUBACK, PUBREC, PUBREL or PUBCOMP at `at` and returns where it ends. A success is the four-byte short form;
 * another reason code needs MQTT 5 and is written without properties (3.4.2.1).
 */
export function answerPacket(
  into: Buffer,
  at: number,
  type: number,
  packetId: number,
  reasonCode: number,
  v5: boolean,
): number {
  // PUBREL's fixed header has the reserved flags 0010 ([MQTT-3.6.1-1]).
  into[at] = (type << 4) | (type === 6 ? 2 : 0);
  into[at + 2] = packetId >> 8;
  into[at + 3] = packetId & 0xff;
  if (reasonCode === 0 || !v5) {
    into[at + 1] = 2;
    return at + 4;
  }
  into[at + 1] = 3;
  into[at + 4] = reasonCode;
  return at + 5;
}
