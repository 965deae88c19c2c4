/**
 * Reads JSON of a form that is known beforehand straight from its bytes: small bodies of mostly numbers, of which an
 * endpoint gets thousands a second. `JSON.parse` would first make text of the bytes and then objects that are read once.
 *
 * It may refuse what is valid (escapes, text beyond ASCII, a number too large): the caller then gives the body to
 * `JSON.parse`, which alone decides what is wrong. What it takes, it takes as `JSON.parse` would, to the bit: a number whose
 * digits are an integer below 2^53 and whose power of ten is at most 22 is one multiplication or division of two exact
 * float64 values, hence rounded once (Clinger, "How to read floating point numbers accurately", 1990); others go through
 * `Number`. About 1 ns a byte.
 */
const [tab, newline, carriageReturn, space] = [9, 10, 13, 32];
const [quote, plus, minus, dot, zero, nine, colon, backslash] = [34, 43, 45, 46, 48, 57, 58, 92];
const [lastAscii, upperE, lowerE] = [126, 69, 101];
/** Ten times this and a digit more is still an exact float64. */
const exactMax = 900_719_925_474_098;
const powersOfTen = Float64Array.from({ length: 23 }, (_, n) => Number(`1e${n}`));
const nullBytes = Buffer.from('null');

/** What `skip` is asked for. */
export const jsonCodes = { comma: 44, bracket: 91, closingBracket: 93, brace: 123, closingBrace: 125 } as const;

export class JsonScan {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  #skipSpace(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    // Where something else is next, which is the rule, this is one comparison.
    for (let byte = at < bytes.length ? bytes[at] : undefined; byte !== undefined && byte <= space;) {
      if (byte !== space && byte !== newline && byte !== carriageReturn && byte !== tab) break;
      at++;
      byte = at < bytes.length ? bytes[at] : undefined;
    }
    this.#at = at;
  }

  /** Goes past this character (given by its code), if it is next. */
  skip(code: number): boolean {
    this.#skipSpace();
    if (this.#at >= this.#bytes.length || this.#bytes[this.#at] !== code) return false;
    this.#at++;
    return true;
  }

  #skipBytes(wanted: Uint8Array): boolean {
    const bytes = this.#bytes;
    const start = this.#at;
    if (start + wanted.length > bytes.length) return false;
    for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i]) return false;
    this.#at = start + wanted.length;
    return true;
  }

  /** Goes past this name of a member and its colon, if they are next. */
  skipKey(name: JsonKey): boolean {
    this.#skipSpace();
    const start = this.#at;
    if (this.#skipBytes(name) && this.skip(colon)) return true;
    this.#at = start;
    return false;
  }

  /** Goes past `null`, if it is next. */
  skipNull(): boolean {
    this.#skipSpace();
    return this.#skipBytes(nullBytes);
  }

  /** Goes past this text, if it is next. */
  skipValue(text: JsonKey): boolean {
    this.#skipSpace();
    return this.#skipBytes(text);
  }

  /** Goes past a text of printable ASCII without escapes: its length, or -1 for anything else. */
  skipText(): number {
    if (!this.skip(quote)) return -1;
    const bytes = this.#bytes;
    const start = this.#at;
    for (let at = start; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === quote) {
        this.#at = at + 1;
        return at - start;
      }
      if (byte < space || byte > lastAscii || byte === backslash) return -1;
    }
    return -1;
  }

  /** Such a text; undefined for anything else. */
  text(): string | undefined {
    const length = this.skipText();
    const end = this.#at - 1;
    return length < 0 ? undefined : this.#bytes.toString('latin1', end - length, end);
  }

  /** A finite number; NaN for anything else. */
  number(): number {
    this.#skipSpace();
    const bytes = this.#bytes;
    const { length } = bytes;
    const start = this.#at;
    let at = start;
    let byte = at < length ? (bytes[at] ?? 0) : 0;
    const isNegative = byte === minus;
    if (isNegative) byte = ++at < length ? (bytes[at] ?? 0) : 0;
    if (byte < zero || byte > nine) return Number.NaN;
    const isZero = byte === zero;
    let digits = 0;
    let isExact = true;
    let dotAt = -1;
    for (;;) {
      if (byte >= zero && byte <= nine) {
        // No zeros in front of other digits.
        if (isZero && dotAt < 0 && at > start + (isNegative ? 1 : 0)) return Number.NaN;
        if (digits > exactMax) isExact = false;
        digits = digits * 10 + (byte - zero);
      } else if (byte === dot && dotAt < 0) dotAt = at;
      else break;
      if (++at >= length) break;
      byte = bytes[at] ?? 0;
    }
    if (dotAt === at - 1) return Number.NaN;
    const places = dotAt < 0 ? 0 : at - 1 - dotAt;
    if (at < length && (byte === lowerE || byte === upperE)) {
      at = this.#endOfExponent(at + 1);
      if (at < 0) return Number.NaN;
      isExact = false;
    }
    this.#at = at;
    if (!isExact || places > 22) {
      const value = Number(bytes.toString('latin1', start, at));
      return Number.isFinite(value) ? value : Number.NaN;
    }
    const value = places === 0 ? digits : digits / (powersOfTen[places] ?? 1);
    return isNegative ? -value : value;
  }

  #endOfExponent(start: number): number {
    const bytes = this.#bytes;
    let at = start;
    if (bytes[at] === plus || bytes[at] === minus) at++;
    const first = at;
    while (at < bytes.length && (bytes[at] ?? 0) >= zero && (bytes[at] ?? 0) <= nine) at++;
    return at === first ? -1 : at;
  }

  /** Nothing but space is left. */
  isAtEnd(): boolean {
    this.#skipSpace();
    return this.#at === this.#bytes.length;
  }
}

/** A text as bytes, in its quotes. */
export type JsonKey = Uint8Array;

/** A text that JSON writes with escapes or beyond ASCII has a key that is never found. */
export const jsonKey = (text: string): JsonKey => (isPlain(text) ? Buffer.from(`"${text}"`, 'latin1') : noKey);

const isPlain = (text: string): boolean => /^[ !#-[\]-~]*$/.test(text);
/** No JSON has this byte. */
const noKey = Uint8Array.of(255);
