/**
 * Settings are declared once, beside the code that reads them. From the declaration come the TypeScript type (here),
 * the validation with line and column, the editor's schema and the reference (config/).
 */

import type { Rate } from './claim.ts'
import type { Ratio, Usd } from './money.ts'

interface Base {
  readonly describe: string
  /** In YAML's own form; without one (and without `optional`) the setting must be written. */
  readonly default?: string | number | boolean | readonly string[]
  readonly optional?: boolean
}

/** Each `type` is one way to write a value in YAML and one type in code. */
export type Setting =
  | (Base & { readonly type: 'string'; readonly pattern?: string })
  | (Base & { readonly type: 'choice'; readonly of: readonly string[] })
  | (Base & { readonly type: 'boolean' })
  | (Base & { readonly type: 'integer'; readonly minimum?: number; readonly maximum?: number })
  /** `60/minute` -> Rate */
  | (Base & { readonly type: 'rate' })
  /** `30s`, `500ms`, `2m`, `1h`, `1d` -> milliseconds */
  | (Base & { readonly type: 'duration' })
  /** `256KiB`, `1MiB` -> bytes */
  | (Base & { readonly type: 'size' })
  /** `10%` -> Ratio; `positive`: more than 0% */
  | (Base & { readonly type: 'percent'; readonly positive?: boolean })
  /** `$0.15` -> Usd */
  | (Base & { readonly type: 'money' })
  /** `3x` -> Ratio */
  | (Base & { readonly type: 'factor' })
  /** One string or a list of them -> readonly string[] */
  | (Base & { readonly type: 'strings'; readonly pattern?: string })
  /** 0x and 40 hex digits */
  | (Base & { readonly type: 'address' })
  /** Free names, each with a value of one kind -> ReadonlyMap. `keys`: only names of operations that are configured. */
  | (Base & { readonly type: 'table'; readonly of: Setting; readonly example: string; readonly keys?: 'operations' })
  /** A nested group of settings */
  | (Base & { readonly type: 'group'; readonly of: Settings })

export type Settings = Readonly<Record<string, Setting>>

type ValueOf<S> = S extends { type: 'string' | 'address' }
  ? string
  : S extends { type: 'choice'; of: readonly (infer C)[] }
    ? C
    : S extends { type: 'boolean' }
      ? boolean
      : S extends { type: 'integer' | 'duration' | 'size' }
        ? number
        : S extends { type: 'rate' }
          ? Rate
          : S extends { type: 'percent' | 'factor' }
            ? Ratio
            : S extends { type: 'money' }
              ? Usd
              : S extends { type: 'strings' }
                ? readonly string[]
                : S extends { type: 'table'; of: infer V }
                  ? ReadonlyMap<string, ValueOf<V>>
                  : S extends { type: 'group'; of: infer G extends Settings }
                    ? Of<G>
                    : never

/** The values that `create` gets: finished, checked, with defaults filled in. */
export type Of<S extends Settings> = { readonly [K in keyof S]: S[K] extends { optional: true } ? ValueOf<S[K]> | undefined : ValueOf<S[K]> }
