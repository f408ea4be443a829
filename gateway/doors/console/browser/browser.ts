/** In the browser: draws the charts and puts live calls on top of their table. Nothing is reckoned here but where a point lies. */
import type uPlot from 'uplot'

declare global {
  interface Window {
    readonly uPlot: typeof uPlot
  }
}

type Points = readonly (number | null)[]

interface DayFigures {
  readonly at: readonly number[]
  /** Plain decimals, as they are printed. */
  readonly revenue: readonly string[]
  readonly calls: readonly number[]
}

interface BurnFigures {
  readonly at: readonly number[]
  readonly now: number
  readonly quota: number
  readonly left: Points
  readonly reserve: Points
  readonly coming: Points
}

interface Drawing {
  readonly data: uPlot.AlignedData
  readonly options: Omit<uPlot.Options, 'width' | 'height'>
}

const HEIGHT = 220
const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
const grouped = (value: number): string => value.toLocaleString('en-US')
const dateOf = (seconds: number, length: number): string => new Date(seconds * 1000).toISOString().slice(0, length).replace('T', ' ')

/** What stands at the point under the cursor, exactly as it was sent. */
const said = (text: (at: number) => string): uPlot.Series.Value => {
  return (_, __, ___, at) => (at === null ? '' : text(at))
}

const axis = (more: uPlot.Axis = {}): uPlot.Axis => ({
  stroke: colour('quiet'),
  font: '12px system-ui, sans-serif',
  grid: { stroke: colour('line'), width: 1 },
  ticks: { show: false },
  gap: 8,
  ...more,
})

const common = (): Omit<uPlot.Options, 'width' | 'height' | 'series'> => ({
  tzDate: (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
  cursor: { drag: { x: false, y: false }, points: { size: 6 } },
  legend: { live: true, markers: { width: 2 } },
  padding: [8, 18, 0, 0],
})

function daysDrawing({ at, revenue, calls }: DayFigures): Drawing {
  const { bars, linear } = window.uPlot.paths
  const barsPath = bars?.({ size: [0.7, 28], align: 0 })
  return {
    data: [[...at], revenue.map((amount) => +amount), [...calls]],
    options: {
      ...common(),
      scales: {
        x: { range: (_, from, to) => [from - 43_200, to + 43_200] },
        y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] },
        calls: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] },
      },
      series: [
        { label: 'day', value: said((index) => dateOf(at[index] as number, 10)) },
        {
          label: 'revenue',
          scale: 'y',
          fill: colour('bar'),
          stroke: colour('accent'),
          width: 1,
          ...(barsPath === undefined ? {} : { paths: barsPath }),
          points: { show: false },
          value: said((index) => `$${revenue[index]}`),
        },
        {
          label: 'calls',
          scale: 'calls',
          stroke: colour('calls'),
          width: 2,
          ...(linear === undefined ? {} : { paths: linear() }),
          points: { show: false },
          value: said((index) => grouped(calls[index] as number)),
        },
      ],
      axes: [
        axis({ size: 30, grid: { show: false }, values: (_, ticks) => ticks.map((tick) => dateOf(tick, 10).slice(5)), space: 56 }),
        axis({ scale: 'y', size: 56, values: (_, ticks) => ticks.map((tick) => `$${grouped(tick)}`) }),
        axis({ scale: 'calls', side: 1, size: 48, grid: { show: false }, values: (_, ticks) => ticks.map(grouped) }),
      ],
    },
  }
}

function burnDrawing({ at, quota, left, reserve, coming }: BurnFigures): Drawing {
  const units = (points: Points): uPlot.Series.Value => said((index) => (points[index] == null ? '–' : grouped(points[index] as number)))
  const none = { show: false }
  return {
    data: [[...at], [...left], [...coming], [...reserve]],
    options: {
      ...common(),
      scales: { y: { range: () => [0, quota] } },
      series: [
        { label: 'when', value: said((index) => dateOf(at[index] as number, 16)) },
        { label: 'left', stroke: colour('accent'), fill: colour('area'), width: 2, points: none, value: units(left) },
        { label: 'forecast', stroke: colour('accent'), width: 2, dash: [5, 5], points: none, value: units(coming) },
        { label: 'reserve', stroke: colour('reserve'), width: 1.5, points: none, value: units(reserve) },
      ],
      axes: [
        axis({
          size: 30,
          grid: { show: false },
          space: 64,
          values: (_, ticks) => ticks.map((tick) => (spanOf(at) > 3 * 86_400 ? dateOf(tick, 10).slice(5) : dateOf(tick, 16).slice(11))),
        }),
        axis({ size: 56, values: (_, ticks) => ticks.map(grouped) }),
      ],
    },
  }
}

const spanOf = (at: readonly number[]): number => (at.at(-1) ?? 0) - (at[0] ?? 0)

/** Drawn anew where the width or the colours change. */
function drawn(plot: HTMLElement): void {
  const figures: unknown = JSON.parse(plot.dataset.figures ?? 'null')
  let shown: uPlot | undefined
  const draw = (): void => {
    shown?.destroy()
    const { data, options } = plot.dataset.chart === 'days' ? daysDrawing(figures as DayFigures) : burnDrawing(figures as BurnFigures)
    shown = new window.uPlot({ ...options, width: plot.clientWidth, height: HEIGHT }, data, plot)
    plot.dataset.drawn = 'yes'
  }
  draw()
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw)
  new ResizeObserver(() => {
    if (shown !== undefined && shown.width !== plot.clientWidth) shown.setSize({ width: plot.clientWidth, height: HEIGHT })
  }).observe(plot)
}

// Where it could not be loaded the tables say the same.
if ('uPlot' in window) for (const plot of document.querySelectorAll<HTMLElement>('[data-chart]')) drawn(plot)

// ------------------------------------------------------------------ live calls

const ROWS = 200
/** Columns with figures, and that of the outcome: tone, words, status. */
const FIGURES = new Set([5, 6, 7])
const OUTCOME = 3

interface Turn {
  readonly calls: readonly (readonly string[])[]
  readonly left_out: number
}

function cellOf(text: string, at: number): HTMLElement {
  const cell = document.createElement(at === 0 ? 'th' : 'td')
  if (at === 0) cell.setAttribute('scope', 'row')
  if (FIGURES.has(at)) cell.className = 'n'
  if (at !== OUTCOME) {
    cell.textContent = text
    return cell
  }
  const [tone = 'plain', ...words] = text.split(' ')
  const tag = document.createElement('span')
  tag.className = `tag ${tone}`
  tag.textContent = words.join(' ')
  cell.append(tag)
  return cell
}

function rowOf(call: readonly string[]): HTMLElement {
  const row = document.createElement('tr')
  row.className = 'new'
  row.append(...call.map(cellOf))
  return row
}

/** A person who reads holds the table; what comes meanwhile is put in when he goes on. */
class Live {
  readonly #body: HTMLElement
  readonly #state = document.getElementById('live-state')
  readonly #left = document.getElementById('live-left')
  readonly #waiting: HTMLElement[] = []
  #leftOut = 0
  #held = false

  constructor(body: HTMLElement) {
    this.#body = body
    const button = document.getElementById('live-switch')
    button?.removeAttribute('hidden')
    button?.addEventListener('click', () => {
      this.#held = !this.#held
      button.textContent = this.#held ? 'Go on' : 'Hold'
      this.#say(this.#held ? 'held' : 'live')
      if (!this.#held) this.#put()
    })
    const source = new EventSource(`/console/calls/stream?after=${document.getElementById('live-after')?.dataset.after ?? ''}`)
    source.addEventListener('open', () => this.#say(this.#held ? 'held' : 'live'))
    source.addEventListener('error', () => this.#say('connection lost, trying again'))
    source.addEventListener('message', ({ data }: MessageEvent<string>) => this.#came(JSON.parse(data) as Turn))
  }

  #came({ calls, left_out: leftOut }: Turn): void {
    this.#waiting.push(...calls.map(rowOf))
    this.#waiting.splice(0, Math.max(0, this.#waiting.length - ROWS))
    this.#leftOut += leftOut
    if (this.#left !== null && this.#leftOut > 0) this.#left.textContent = `${grouped(this.#leftOut)} calls came too fast to be shown`
    if (!this.#held) return this.#put()
    this.#tell()
  }

  /** How many wait. */
  #tell(): void {
    const table = this.#body.parentElement
    if (table !== null) table.dataset.waiting = String(this.#waiting.length)
    if (this.#held) this.#say(`held, ${this.#waiting.length} waiting`)
  }

  #put(): void {
    this.#body.prepend(...this.#waiting.splice(0).reverse())
    this.#tell()
    while (this.#body.childElementCount > ROWS) this.#body.lastElementChild?.remove()
  }

  #say(text: string): void {
    if (this.#state === null) return
    this.#state.textContent = text
    this.#state.className = `tag ${text === 'live' ? 'good' : 'plain'}`
  }
}

const live = document.querySelector<HTMLElement>('#live tbody')
if (live !== null) new Live(live)

/** Complaints and links lead to what is folded. */
const target = location.hash === '' ? null : document.getElementById(decodeURIComponent(location.hash.slice(1)))
if (target instanceof HTMLDetailsElement) target.open = true
