/** Each adapter that was found, with its operations: what they take of a quota, what they cost where they are sold, and what the terms say. */
import { type Adapter, dollars, type Operation, usd } from '#contract'
import type { Gateway } from '../../../gateway.ts'
import { catalogueOf, type CatalogueOperation } from '../../discovery/catalogue.ts'
import type { Found, Shelf } from '../shelf.ts'
import { figure, type Html, html, link, table, text } from '../ui.ts'

export function adapterSections(gateway: Gateway, { adapters }: Shelf): readonly Html[] {
  const sold = new Map<string, CatalogueOperation>()
  // Routes of one adapter may ask other prices: the cheapest one is shown.
  for (const { api, adapter } of gateway.engine.generation.routes)
    for (const operation of catalogueOf(gateway, api).apis[0]?.operations ?? []) {
      const name = `${adapter.name} ${operation.id}`
      const before = sold.get(name)
      if (before === undefined || usd(operation.price) < usd(before.price)) sold.set(name, operation)
    }
  return adapters.map((found) => section(found, gateway, (id) => sold.get(`${found.item.name} ${id}`)))
}

function section({ item, folder }: Found<Adapter>, { ground }: Gateway, soldAs: (id: string) => CatalogueOperation | undefined): Html {
  const { name, title, operations, terms, quota } = item
  const connections = ground.config.connections.filter(({ adapter }) => adapter === name).map((one) => one.name)
  const used = connections.length === 0 ? 'no connection' : connections.join(', ')
  const rows = operations.map((operation) => {
    const sold = soldAs(operation.id)
    return [
      html`${operation.id}`,
      html`${operation.method} ${operation.path}`,
      ...[html`${unitsOf(operation, sold)}`, html`${sold === undefined ? '–' : dollars(usd(sold.price))}`, html`${operation.resale}`],
    ]
  })
  return html`<details class="adapter" id="adapter-${name}"><summary><b>${name}</b> ${title} <span class="quiet">${operations.length} operations, ${used}, from ${folder ?? 'adapters'}</span></summary>
<p class="quiet">Quota in ${quota.unit}s. ${terms.attribution === undefined ? '' : `Credit line: ${terms.attribution}. `}Terms: ${link(terms.source, terms.source)}, read ${terms.checked}.</p>
${table({ label: `Operations of ${title}`, columns: [...['operation', 'call'].map(text), ...['units', 'price'].map(figure), text('resale')], rows, empty: 'It names no operation by itself; each connection does.' })}</details>`
}

/** Of its example where it depends on what is asked. */
function unitsOf({ units }: Operation, sold: CatalogueOperation | undefined): string {
  if (typeof units === 'number') return String(units)
  return sold === undefined ? 'by request' : `${sold.units}, by request`
}
