/**
 * A configuration field is declared once - type, default, unit, doc - and from the declaration come the parser,
 * the commented sample file, the reference page and the console's form.
 */
interface FieldBase {
  /** One or two sentences for the person who fills it in. */
  readonly doc: string;
  /** Unit symbol shown beside the value, e.g. `ms`, `bytes`, `%`. */
  readonly unit?: string;
  /** Secrets are never printed, logged or sent to the console. */
  readonly secret?: boolean;
}

export interface StringField extends FieldBase {
  readonly kind: 'string';
  readonly pattern?: RegExp;
  /** What the pattern means, in words, for the error. */
  readonly patternDoc?: string;
  readonly options?: readonly string[];
  readonly default?: string;
}

export interface NumberField extends FieldBase {
  readonly kind: 'number' | 'integer';
  readonly min?: number;
  readonly max?: number;
  readonly default?: number;
}

export interface BooleanField extends FieldBase {
  readonly kind: 'boolean';
  readonly default?: boolean;
}

export interface ListField<I extends Field = Field> extends FieldBase {
  readonly kind: 'list';
  readonly item: I;
  readonly minItems?: number;
  readonly default?: readonly unknown[];
}

export interface MapField<I extends Field = Field> extends FieldBase {
  readonly kind: 'map';
  readonly item: I;
  readonly keyPattern?: RegExp;
  readonly keyDoc?: string;
  readonly default?: Readonly<Record<string, unknown>>;
}

export interface ObjectField<P extends Properties = Properties> extends FieldBase {
  readonly kind: 'object';
  readonly properties: P;
  /** An absent object is read as `{}` so that its members' defaults apply. */
  readonly default?: Readonly<Record<string, never>>;
}

/** One of several objects told apart by the text in `discriminator`. */
export interface VariantField<
  V extends Readonly<Record<string, ObjectField>> = Readonly<Record<string, ObjectField>>,
> extends FieldBase {
  readonly kind: 'variant';
  readonly discriminator: string;
  readonly variants: V;
}

export interface OptionalField<I extends Field = Field> {
  readonly kind: 'optional';
  readonly item: I;
  readonly doc: string;
  readonly unit?: string;
  readonly secret?: boolean;
}

export type Field =
  | StringField
  | NumberField
  | BooleanField
  | ListField<Field>
  | MapField<Field>
  | ObjectField<Properties>
  | VariantField
  | OptionalField<Field>;

export interface Properties {
  readonly [name: string]: Field;
}

/** The TypeScript type of a parsed field. Told by `kind` alone: comparing whole declarations is too deep for the compiler. */
export type Infer<F> = F extends { readonly kind: 'optional'; readonly item: infer I }
  ? Infer<I> | undefined
  : F extends { readonly kind: 'string' }
    ? F extends { readonly options: readonly (infer O)[] }
      ? O
      : string
    : F extends { readonly kind: 'number' | 'integer' }
      ? number
      : F extends { readonly kind: 'boolean' }
        ? boolean
        : F extends { readonly kind: 'list'; readonly item: infer I }
          ? readonly Infer<I>[]
          : F extends { readonly kind: 'map'; readonly item: infer I }
            ? Readonly<Record<string, Infer<I>>>
            : F extends { readonly kind: 'object'; readonly properties: infer P }
              ? { readonly [K in keyof P]: Infer<P[K]> }
              : F extends { readonly kind: 'variant'; readonly variants: infer V }
                ? { [K in keyof V]: { readonly type: K } & Infer<V[K]> }[keyof V]
                : never;

type Options<F, K extends keyof F> = Omit<F, 'kind' | 'doc' | K>;

/** Constructors for field declarations. */
export const field = {
  string: <const O extends Options<StringField, never>>(doc: string, options?: O) =>
    ({ kind: 'string', doc, ...(options as O) }) as const,
  oneOf: <const O extends readonly string[]>(
    doc: string,
    options: O,
    more: Options<StringField, 'options' | 'pattern'> = {},
  ) => ({ kind: 'string', doc, options, ...more }) as const,
  number: (doc: string, options: Options<NumberField, never> = {}) =>
    ({ kind: 'number', doc, ...options }) as const,
  integer: (doc: string, options: Options<NumberField, never> = {}) =>
    ({ kind: 'integer', doc, ...options }) as const,
  boolean: (doc: string, options: Options<BooleanField, never> = {}) =>
    ({ kind: 'boolean', doc, ...options }) as const,
  list: <I extends Field>(doc: string, item: I, options: Options<ListField<I>, 'item'> = {}) =>
    ({ kind: 'list', doc, item, ...options }) as const,
  map: <I extends Field>(doc: string, item: I, options: Options<MapField<I>, 'item'> = {}) =>
    ({ kind: 'map', doc, item, ...options }) as const,
  object: <P extends Properties>(
    doc: string,
    properties: P,
    options: Options<ObjectField<P>, 'properties'> = {},
  ) => ({ kind: 'object', doc, properties, ...options }) as const,
  /** Objects told apart by a `type` member. */
  variant: <V extends Readonly<Record<string, ObjectField>>>(doc: string, variants: V) =>
    ({ kind: 'variant', doc, discriminator: 'type', variants }) as const,
  optional: <I extends Field>(item: I) => ({ kind: 'optional', item, doc: item.doc }) as const,
};
