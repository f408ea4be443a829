/** The plugin and the adapter in CONTRIBUTING.md are what a contributor copies, so they compile against the contract. */

import { readFileSync } from 'node:fs'
import t from 'tap'
import ts from 'typescript'
import { root } from './sources.ts'

/** A path in backquotes, then the code. */
const EXAMPLE = /^`((?:plugins|adapters)\/([\w-]+)\.ts)`:\n\n```ts\n([\s\S]*?)^```$/gm

const examples = [...readFileSync(`${root}/CONTRIBUTING.md`, 'utf8').matchAll(EXAMPLE)].map((found) => ({
  file: `${root}/${found[1]}`,
  name: found[2] as string,
  text: found[3] as string,
}))

function complaintsOf(): string[] {
  const { config } = ts.readConfigFile(`${root}/tsconfig.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: examples.map(({ file }) => file) }, ts.sys, root)
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile } = host
  const textOf = (file: string): string | undefined => examples.find((example) => example.file === file)?.text
  host.fileExists = (file) => textOf(file) !== undefined || fileExists(file)
  host.readFile = (file) => textOf(file) ?? readFile(file)
  const program = ts.createProgram(
    examples.map(({ file }) => file),
    options,
    host,
  )
  return examples
    .flatMap(({ file }) => [...program.getSyntacticDiagnostics(program.getSourceFile(file)), ...program.getSemanticDiagnostics(program.getSourceFile(file))])
    .map(({ file, start, messageText }) => {
      const line = file === undefined || start === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1
      return `CONTRIBUTING.md, ${file?.fileName.slice(root.length + 1)}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}; write the example as the contract is now`
    })
}

t.test('the examples in CONTRIBUTING.md compile against the contract', async (t) => {
  t.equal(examples.length, 2, 'one plugin and one adapter')
  t.strictSame(complaintsOf(), [])
})

t.test('each example has the name of its file', async (t) => {
  for (const { name, text } of examples) t.match(text, `name: '${name}'`)
})
