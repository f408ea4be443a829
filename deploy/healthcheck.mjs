/** Exit status 0 where the consumers' port answers: the health check of the container, which has no curl. ATLAS_HEALTH_URL asks elsewhere (https by its certificate). */
const { PORT, ATLAS_HEALTH_URL } = process.env
const url = ATLAS_HEALTH_URL ?? `http://127.0.0.1:${PORT || 8080}/healthz`
try {
  const { status } = await fetch(url, { signal: AbortSignal.timeout(3_000) })
  if (status !== 200) throw new Error(`answered ${status}`)
} catch (error) {
  console.error(`${url}: ${error.cause?.message ?? error.message}`)
  process.exitCode = 1
}
