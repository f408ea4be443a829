/** What a credential may be, told from its bytes alone. */
import { MOST_SECRET_BYTES } from './envelope.ts'

/** One sentence, or undefined where it can be kept and sent. It never says what the bytes are. */
export function unfitSecret(bytes: Buffer): string | undefined {
  if (bytes.length === 0) return 'the credential is empty'
  if (bytes.length > MOST_SECRET_BYTES) return `the credential is longer than ${MOST_SECRET_BYTES} bytes`
  return fitsHeader(bytes) ? undefined : 'the credential begins or ends with a space, or holds a character that no header takes; expected the credential alone'
}

/** As config/credentials.ts has it for text: printable Latin-1 (here in UTF-8), and no space at its ends. */
function fitsHeader(bytes: Buffer): boolean {
  if (bytes[0] === 0x20 || bytes.at(-1) === 0x20) return false
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] as number
    if (byte >= 0x20 && byte <= 0x7e) continue
    index += 1
    const next = bytes[index] ?? 0
    if (!(byte === 0xc2 && next >= 0xa1 && next <= 0xbf) && !(byte === 0xc3 && next >= 0x80 && next <= 0xbf)) return false
  }
  return true
}
