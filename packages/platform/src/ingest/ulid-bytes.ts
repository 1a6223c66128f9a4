/** Value of each Crockford base 32 character by its code; 255 = not one of the canonical (upper-case) alphabet. */
export const crockford = new Uint8Array(256).fill(255);
[...'0123456789ABCDEFGHJKMNPQRSTVWXYZ'].forEach((character, value) => {
  crockford[character.charCodeAt(0)] = value;
});

/**
 * Writes the 128 bits of a ULID's 26 characters at `source[at]` into `target`. Returns false when they are no
 * canonical ULID (first character 0-7, upper case, no I L O U).
 */
export function readUlid(source: Uint8Array, at: number, target: Uint8Array): boolean {
  let bits = crockford[source[at]!]!;
  if (bits > 7) return false;
  let bitCount = 3;
  let out = 0;
  for (let i = 1; i < 26; i++) {
    const value = crockford[source[at + i]!]!;
    if (value > 31) return false;
    bits = ((bits << 5) | value) & 0x1fff;
    bitCount += 5;
    if (bitCount >= 8) {
      bitCount -= 8;
      target[out++] = (bits >> bitCount) & 0xff;
    }
  }
  return true;
}
