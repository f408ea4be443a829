/** The configuration that runs, what the file on disk says by now, and the adapters and plugins that are found. No secret is shown. */
import type { Route } from '../../../../config/model.ts'
import type { Look, View } from '../look.ts'
import type { Shelf } from '../shelf.ts'
import { type Html, html, list, table, tag, text } from '../ui.ts'
import { adapterSections } from './adapters.ts'

export const configuration: View = {
  title: () => 'Configuration',
  async show(look: Look) {
    const { config } = look.desk
    const shelf = await look.desk.shelf()
    return html`${fileState(config.file, config.digest, shelf)}
${complaints(shelf)}
<section><h2>Routes and their chains</h2>${routesTable(config.routes)}</section>
<section><h2>Adapters found</h2><p class="quiet">A file that is dropped into adapters/ stands here with its operations, units, prices and terms; it is served from the next start or reload on.</p>${adapterSections(look.desk.served.gateway, shelf)}</section>
<section><h2>Plugins found</h2>${pluginsTable(shelf)}</section>
<section><h2>The running file</h2><p class="quiet">${config.file}, masked: credentials that stand in it literally are left out.</p>${numbered(config.shown)}</section>`
  },
}

/** Whether the file was changed since it was loaded. What changed, `atlas diff` says. */
function fileState(file: string, digest: string, shelf: Shelf): Html {
  const running = html`<p>Running: <code title="${digest}">${digest.slice(0, 12)}</code></p>`
  if (shelf.digest === undefined)
    return html`<div id="file-state" data-state="gone">${running}<p>${tag('bad', 'gone')} ${file} cannot be read any more; the running configuration goes on.</p></div>`
  if (shelf.digest === digest)
    return html`<div id="file-state" data-state="same">${running}<p>${tag('good', 'same')} The file on disk is the one that runs.</p></div>`
  return html`<div id="file-state" data-state="differs">${running}<p>${tag('warn', 'differs')} The file on disk differs from the running one (<code>${shelf.digest.slice(0, 12)}</code>): <code>atlas diff</code> says in what, <code>atlas reload</code> takes it.</p></div>`
}

function complaints({ problems, warnings, misfits }: Shelf): Html {
  const lines = (all: readonly string[], name: string): Html =>
    list(
      all.map((one) => html`${one}`),
      name,
    )
  const none = problems.length + warnings.length + misfits.length === 0
  return html`<section><h2>What <code>atlas check</code> says of the file on disk</h2>${none ? html`<p>${tag('good', 'good')} Nothing to complain about.</p>` : undefined}${problems.length + misfits.length === 0 ? undefined : lines([...problems, ...misfits], 'problems')}${warnings.length === 0 ? undefined : lines(warnings, 'warnings')}</section>`
}

const routesTable = (routes: readonly Route[]): Html =>
  table({
    label: 'Routes',
    columns: ['route', 'API', 'connections', 'chain'].map(text),
    rows: routes.map(({ prefix, adapter, connections, chain }) => [
      ...[
        html`${prefix}/*`,
        html`${adapter.title}`,
        html`${connections.map(({ name }) => name).join(', ')}`,
        html`${chain.map(({ name }) => name).join(' → ')}`,
      ],
    ]),
    empty: 'No route is served.',
  })

const pluginsTable = ({ plugins }: Shelf): Html =>
  table({
    label: 'Plugins',
    columns: ['plugin', 'what it does', 'settings', 'from'].map(text),
    rows: plugins.map(({ item, folder }) => [
      ...[html`${item.name}`, html`${item.describe}`, html`${Object.keys(item.settings).join(', ') || '–'}`, html`${folder ?? 'plugins'}`],
    ]),
  })

/** Complaints name lines, so lines have numbers; they are drawn by the style and are not copied. */
const numbered = (shown: string): Html =>
  html`<pre class="file" tabindex="0" role="region" aria-label="The running configuration"><code>${shown
    .replace(/\n$/, '')
    .split('\n')
    .map(
      (line) => html`<span class="l">${line}
</span>`,
    )}</code></pre>`
