/** Any API that has no file here: the connection itself names base URL, credential, operations and failures. */
import { defineAdapter } from '#contract'

export default defineAdapter({
  name: 'custom',
  title: 'Custom API',
  category: 'Custom',
  docs: '',
  baseUrl: undefined,
  credential: { in: 'none' },
  quota: { unit: 'call', resets: 'billing-day' },
  terms: { source: "the owner's contract with the provider", checked: '2026-11-23' },
  operations: [],
  failures: [],
})
