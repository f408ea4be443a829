/** How the core declares its own settings: the shape that plugins use (contract/settings.ts), and what only the core needs. */

import type { Of, Setting, Settings } from '#contract'
import type { ListenAddress } from './model.ts'
import type { Node } from './yaml.ts'

interface Base {
  readonly describe: string
  readonly default?: string | number | boolean | readonly string[]
  readonly optional?: boolean
}

export type Field =
  /** `example` is what a complaint shows where the default does not help. */
  | (Setting & { readonly example?: string })
  /** One of the names that were found, with the word for what they name. */
  | (Base & { readonly type: 'name'; readonly noun: string; readonly of: readonly string[] })
  /** Text that is never printed; `vault:NAME` stands for a credential of the vault. */
  | (Base & { readonly type: 'secret' })
  /** `127.0.0.1:8080` -> ListenAddress */
  | (Base & { readonly type: 'listen' })
  | (Base & { readonly type: 'list'; readonly of: Field; readonly example: string })
  /** Free names, each with a value of one kind. */
  | (Base & { readonly type: 'table'; readonly of: Field; readonly example: string; readonly keys?: undefined })
  /** As `group`, of the core's fields. */
  | (Base & { readonly type: 'section'; readonly of: Fields })
  /** Query or body members: names, or names with a JSON Schema each, or `any`. */
  | (Base & { readonly type: 'members' })
  /** A status of an answer, or `2xx`. */
  | (Base & { readonly type: 'status' })
  /** A list of plugins, and settings of some of them; read by chain.ts. */
  | (Base & { readonly type: 'chain' })
  | (Base & { readonly type: 'overrides' })
  /** Anything, for a part that is not served yet, or the operator's own data. */
  | (Base & { readonly type: 'any' })

export type Fields = Readonly<Record<string, Field>>

export type Members = 'any' | readonly string[] | Readonly<Record<string, Readonly<Record<string, unknown>>>>

type ValueOf<F> = F extends Setting
  ? Exclude<Of<{ readonly it: F }>['it'], undefined>
  : F extends { type: 'name' | 'secret' }
    ? string
    : F extends { type: 'listen' }
      ? ListenAddress
      : F extends { type: 'list'; of: infer I }
        ? readonly (ValueOf<I> | undefined)[]
        : F extends { type: 'table'; of: infer I }
          ? ReadonlyMap<string, ValueOf<I>>
          : F extends { type: 'section'; of: infer I extends Fields }
            ? Decoded<I>
            : F extends { type: 'members' }
              ? Members
              : F extends { type: 'status' }
                ? number | '2xx'
                : F extends { type: 'chain' | 'overrides' }
                  ? Node
                  : unknown

/** What `decode` gives: a member that was complained about, or that is optional and not written, is undefined. */
export type Decoded<F extends Fields> = { readonly [K in keyof F]?: ValueOf<F[K]> | undefined }

/** The same once nothing was complained about. */
export type Complete<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends { optional: true }
    ? ValueOf<F[K]> | undefined
    : F[K] extends { type: 'section'; of: infer I extends Fields }
      ? Complete<I>
      : ValueOf<F[K]>
}

export const isGroup = (field: Field): field is Field & ({ type: 'group'; of: Settings } | { type: 'section'; of: Fields }) =>
  field.type === 'group' || field.type === 'section'
