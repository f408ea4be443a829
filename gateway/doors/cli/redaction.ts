/**
 * The last look at a line of the log. Nothing that is a secret is meant to get there; what does all the same, by the text of somebody else's
 * error or a field too many, leaves without it.
 */

export const REDACTED = '[redacted]'

const FIELDS = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-payment',
  'payment-signature',
  'secret',
  'password',
  'token',
  'key',
  'api_key',
]
/** Fields by name, wherever a line has an object in it. Ids of keys have other names. */
export const redactedPaths: readonly string[] = FIELDS.flatMap((name) => ['', '*', '*.*'].map((above) => `${above}["${name}"]`))

/** By their form, in the line as it is written: a consumer's key, a webhook's secret, what follows a scheme of HTTP, who logs in by a URL. */
const FORMS: readonly (readonly [RegExp, string])[] = [
  [/\batlas_[A-Za-z0-9_-]{20,}/g, `atlas_${REDACTED}`],
  [/\bwhsec_[A-Za-z0-9+/]+=*/g, `whsec_${REDACTED}`],
  [/\b(Bearer|Basic) +[A-Za-z0-9._~+/-]{6,}=*/gi, `$1 ${REDACTED}`],
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^/\s"'@]+@/gi, `$1${REDACTED}@`],
]

export function withoutSecrets(line: string): string {
  let text = line
  for (const [form, instead] of FORMS) text = text.replace(form, instead)
  return text
}
