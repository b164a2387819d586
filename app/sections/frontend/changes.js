// Tells the server when what a timer has looked at is no longer what it was: then, and only then, is it drawn again.

const seen = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  const before = seen.get(parentElement)
  seen.set(parentElement, data.version)
  if (before !== undefined && before !== data.version) setTriggerValue("version", data.version)
}
