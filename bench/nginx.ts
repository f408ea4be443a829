/**
 * nginx with one worker, as a plain proxy, or with the least that a gateway of keys does in Lua: the key's hash looked up in
 * shared memory, a call counted by key and minute, a unit of a quota taken. Nothing of it survives a restart.
 */

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Started } from './case.ts'
import { freePort, hasEnded, listenTo, startCommand, stop, temporaryFolder } from './process.ts'
import { keyRequest } from './requests.ts'

const KEYS = 16
const READY_MS = 5_000

const LUA = `
  lua_shared_dict keys 1m;
  lua_shared_dict counters 10m;
  init_by_lua_block {
    for n = 1, ${KEYS} do ngx.shared.keys:set(ngx.sha1_bin("bench-" .. n), "consumer-" .. n) end
    ngx.shared.counters:set("quota", 1000000000)
  }`

const ACCESS = `
      access_by_lua_block {
        local shown = ngx.var.http_authorization
        local key = shown and string.match(shown, "^Bearer (%S+)$")
        local consumer = key and ngx.shared.keys:get(ngx.sha1_bin(key))
        if not consumer then return ngx.exit(401) end
        local counters = ngx.shared.counters
        local count = counters:incr(consumer .. ":" .. math.floor(ngx.now() / 60), 1, 0, 120)
        if not count or count > 100000000 then return ngx.exit(429) end
        local left = counters:incr("quota", -1)
        if not left or left < 0 then return ngx.exit(503) end
      }`

function configuration(folder: string, port: number, upstreamPort: number, modules: string | undefined): string {
  const load = modules === undefined ? '' : `load_module ${modules}/ndk_http_module.so;\nload_module ${modules}/ngx_http_lua_module.so;\n`
  return `${load}${process.getuid?.() === 0 ? 'user root;\n' : ''}daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  keepalive_requests 1000000000; keepalive_timeout 600s;${modules === undefined ? '' : LUA}
  upstream provider { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    location /nansen/ {${modules === undefined ? '' : ACCESS}
      proxy_pass http://provider/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`
}

/** `nginx-lua` needs Debian's libnginx-mod-http-lua, or another build that has the module beside it. */
export async function startNginx(name: 'nginx' | 'nginx-lua', upstreamPort: number): Promise<Started> {
  const version = spawnSync('nginx', ['-V'], { encoding: 'utf8' })
  if (version.error !== undefined) return { name, skipped: 'there is no nginx; apt-get install nginx-light libnginx-mod-http-lua' }
  const modules = name === 'nginx' ? undefined : (/--modules-path=(\S+)/.exec(version.stderr)?.[1] ?? '/usr/lib/nginx/modules')
  const [folder, port] = [temporaryFolder(), await freePort()]
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, configuration(folder, port, upstreamPort, modules))
  const child = startCommand('nginx', ['-p', folder, '-c', file], { endsBy: 'SIGTERM' })
  const said = listenTo(child)
  const untilMs = performance.now() + READY_MS
  while (!hasEnded(child) && performance.now() < untilMs) {
    if (await listens(port)) {
      const keys = Array.from({ length: KEYS }, (_, index) => `bench-${index + 1}`)
      return { name, port, pid: child.pid as number, requests: keys.map((key) => keyRequest(port, key)), stop: () => stop(child) }
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await stop(child)
  return { name, skipped: `nginx did not start; it said: ${said()}` }
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
