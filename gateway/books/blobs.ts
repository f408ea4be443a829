/** What SQLite gives back, as the rest of the books takes it. */

/** Records in lines. */
export const linesOf = (body: Uint8Array): string[] => {
  const lines = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8').split('\n')
  lines.pop()
  return lines
}

/** The driver gives the one or the other. */
export const bytesOf = (blob: ArrayBuffer | Uint8Array): Uint8Array => (blob instanceof ArrayBuffer ? new Uint8Array(blob) : blob)

export const countOf = (value: bigint): number => Number.parseInt(value.toString(), 10)
