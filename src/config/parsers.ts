import { durationText } from '../calls/wording.ts';
import { GUID, isPlaceholder, type UrlRule } from './checks.ts';

/** Turns the text of a variable into its value. Throws {@link ValueError}. */
export interface Parser<T> {
  readonly parse: (text: string) => T;
  /** Stands in for an invalid value; without it, the default does. */
  readonly invalid?: T;
}

/** What is wrong with a value. Each fault follows the name of the variable. */
export class ValueError extends Error {
  readonly code = 'VALUE';
  readonly faults: readonly string[];
  constructor(...faults: string[]) {
    super(faults.join('; '));
    this.name = 'ValueError';
    this.faults = faults;
  }
}

export const PLACEHOLDER =
  'is still the placeholder, a GUID of zeros: replace it with the id that Entra shows';

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** Quotes a value that is not secret; bounded, and safe for a terminal. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

export function itemsOf(text: string): string[] {
  return text
    .split(/[,\n]/)
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** Any text, or one that `isValid` accepts. */
export function text(isValid: (text: string) => boolean = () => true, fault = ''): Parser<string> {
  return {
    parse: (value) => {
      if (!isValid(value)) throw new ValueError(fault);
      return value;
    },
  };
}

export function integer(least: number, most: number): Parser<number> {
  return {
    parse: (value) => {
      const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
      if (number >= least && number <= most) return number;
      throw new ValueError(`must be a whole number from ${least} to ${most}, not ${quote(value)}`);
    },
  };
}

/** In ms. An invalid one is NaN, so that no rule between variables holds of it. */
export function duration(leastMs: number, mostMs: number): Parser<number> {
  return {
    parse: (value) => {
      const [, digits, unit] = /^(\d{1,9})(ms|s|m|h)$/.exec(value) ?? [];
      const ms = Number(digits ?? Number.NaN) * UNITS[(unit ?? 'ms') as keyof typeof UNITS];
      if (ms >= leastMs && ms <= mostMs) return ms;
      const range = `from ${durationText(leastMs)} to ${durationText(mostMs)}`;
      throw new ValueError(
        `must be a duration such as 500ms, 5s, 15m or 1h, ${range}, not ${quote(value)}`,
      );
    },
    invalid: Number.NaN,
  };
}

/** @param aliases other names of a value */
export function oneOf<const T extends string>(
  values: readonly T[],
  aliases: Readonly<Record<string, T>> = {},
): Parser<T> {
  return {
    parse: (value) => {
      const meant = Object.hasOwn(aliases, value) ? aliases[value] : value;
      const found = values.find((one) => one === meant);
      if (found !== undefined) return found;
      const names = [...values, ...Object.keys(aliases)];
      const expected = names.length === 1 ? names[0] : `one of ${names.join(', ')}`;
      throw new ValueError(`must be ${expected}, not ${quote(value)}`);
    },
  };
}

/** Like Azure Identity's switches, except that Azure Identity takes any other text for false. */
export const TRUTH: Parser<boolean> = {
  parse: (value) => {
    const lower = value.toLowerCase();
    if (['true', '1'].includes(lower)) return true;
    if (['false', '0'].includes(lower)) return false;
    throw new ValueError(`must be true or false, not ${quote(value)}`);
  },
};

export const SHARE: Parser<number> = {
  parse: (value) => {
    const number = /^\d?\.?\d{1,17}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= 0 && number <= 1) return number;
    throw new ValueError(`must be a number from 0 to 1, not ${quote(value)}`);
  },
};

export const ID: Parser<string> = {
  parse: (value) => {
    if (!GUID.test(value)) throw new ValueError(`must be a GUID, not ${quote(value)}`);
    if (isPlaceholder(value)) throw new ValueError(PLACEHOLDER);
    return value.toLowerCase();
  },
};

/** Drops slashes at the end. */
export function url({ isRight, expected }: UrlRule): Parser<string> {
  return {
    parse: (value) => {
      if (!isRight(value)) throw new ValueError(expected);
      return value.replace(/\/+$/, '');
    },
  };
}

/** @param faultOf the fault of a whole list; null: it is valid */
export function list(
  faultOf: (items: readonly string[]) => string | null = () => null,
): Parser<readonly string[]> {
  return {
    parse: (value) => {
      const items = itemsOf(value);
      const fault = faultOf(items);
      if (fault !== null) throw new ValueError(fault);
      return items;
    },
    invalid: [],
  };
}
