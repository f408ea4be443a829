/** Where a setting stands in a file: for complaints that are made after the file was found good. */

import { type Complaint, Complaints } from './complaints.ts'
import { entryOf, type Node, parseYaml } from './yaml.ts'

/** `path`: names from the top. The nearest that is written; 1:1 where nothing of it is. */
export function complaintAt(file: string, text: string, path: readonly string[], message: string): Complaint {
  const complaints = new Complaints(file, text)
  let node: Node | undefined = parseYaml(text, complaints)
  let at = 0
  for (const name of path) {
    const entry = entryOf(node, name)
    if (entry === undefined) break
    at = entry.value.at
    node = entry.value
  }
  return { file, ...complaints.place(at), message }
}
