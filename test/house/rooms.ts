/** The street: which rooms there are, what each may import, and which libraries only one room may know. */

const CONTRACT = 'gateway/contract'
/** What several rooms need to know of the chain: its nodes, its signatures. */
const EVM = 'gateway/evm'
/** JSON Schemas as functions that check. */
const RULES = 'gateway/rules'
/** Rooms of one brace: each speaks the contract, none knows another. */
const BRACE = [
  'gateway/engine',
  'gateway/stores',
  'gateway/books',
  'gateway/vault',
  'gateway/payments',
  'gateway/payouts',
  'gateway/sandbox',
  'gateway/notices',
  'plugins',
  'adapters',
  'config',
]
const GROUND = 'gateway/ground'
/** From a configuration to what serves calls, and what a reload changes. */
const GENERATIONS = 'gateway/generations'
const JOINER = 'gateway/gateway.ts'
/** What recorded calls say of what is to come, by the engine's chain and the store's rules. */
const ECONOMICS = 'gateway/economics'
const OFFICE = 'gateway/office'
/** What contributors work with. */
const KIT = 'gateway/kit'
const DOORS = 'gateway/doors'
const MAIN = 'gateway/main.ts'
const LAUNCHER = 'gateway/atlas.mjs'
const BUILD = 'gateway/build.mjs'
const BUNDLE = 'gateway/bundle.mjs'
const DEV = 'gateway/dev.mjs'

/** Room -> the rooms to its left. What is not listed here is no room. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  [CONTRACT]: [],
  [EVM]: [CONTRACT],
  [RULES]: [CONTRACT],
  ...Object.fromEntries(BRACE.map((room) => [room, [CONTRACT]])),
  'gateway/engine': [CONTRACT, RULES],
  config: [CONTRACT, RULES],
  'gateway/payments': [CONTRACT, EVM],
  'gateway/payouts': [CONTRACT, EVM],
  'gateway/sandbox': [CONTRACT, EVM],
  [GROUND]: [CONTRACT, ...BRACE],
  [GENERATIONS]: [CONTRACT, ...BRACE, GROUND],
  [JOINER]: [CONTRACT, ...BRACE, GROUND, GENERATIONS],
  [ECONOMICS]: [CONTRACT, 'gateway/engine', 'gateway/stores', 'config'],
  [OFFICE]: [CONTRACT, GROUND],
  [KIT]: [CONTRACT, RULES, ...BRACE, GROUND, GENERATIONS, JOINER],
  [DOORS]: [CONTRACT, ...BRACE, GROUND, GENERATIONS, JOINER, ECONOMICS, OFFICE, KIT],
  [MAIN]: [CONTRACT, ...BRACE, GROUND, GENERATIONS, JOINER, ECONOMICS, OFFICE, KIT, DOORS],
  [BUNDLE]: [],
  [BUILD]: [BUNDLE],
  [LAUNCHER]: [BUILD, MAIN],
  [DEV]: [BUILD],
  test: [CONTRACT, EVM, RULES, ...BRACE, GROUND, GENERATIONS, JOINER, ECONOMICS, OFFICE, KIT, DOORS, MAIN, BUILD, 'bench'],
  bench: [CONTRACT, 'gateway/books', 'gateway/stores', GROUND, 'test'],
}

/** Rooms whose files each stand alone: nothing relative, the contract by its alias. */
export const oneFileRooms = ['plugins', 'adapters']

/** Library -> the only room that knows it. Tests and benchmarks may use anything. */
export const libraryHome: Readonly<Record<string, string>> = {
  'fast-gateway': DOORS,
  restana: DOORS,
  'prom-client': DOORS,
  '@modelcontextprotocol/sdk': DOORS,
  'lru-cache': 'gateway/stores',
  ioredis: 'gateway/stores',
  pg: 'gateway/books',
}

export const playground = (room: string): boolean => room === 'test' || room === 'bench'

/** Started by somebody outside the sources, so nobody imports them. */
export const entryPoints = [
  LAUNCHER,
  BUILD,
  BUNDLE,
  DEV,
  MAIN,
  'config/generate.ts',
  'config/lent-names.mjs',
  'gateway/kit/generate.ts',
  'gateway/kit/index.ts',
  'gateway/kit/make-rules.ts',
  'gateway/doors/reference.ts',
]

/** The room in which a file stands; undefined where the street has no place for it. */
export function roomOf(file: string): string | undefined {
  if (Object.hasOwn(mayImport, file)) return file
  const parts = file.split('/')
  const room = parts[0] === 'gateway' ? parts.slice(0, 2).join('/') : parts[0]
  return room !== undefined && room !== file && Object.hasOwn(mayImport, room) ? room : undefined
}
