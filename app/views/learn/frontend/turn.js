// Turns the lesson's steps by the keys of a keyboard or a clicker. Arrow keys move within controls and PageDown scrolls:
// arrows turn only where no control has the focus, and the page keys only in presenter mode, where nothing scrolls.

const ARROWS = { ArrowLeft: -1, ArrowRight: 1 }
const PAGES = { PageUp: -1, PageDown: 1 }
const turning = new WeakMap()

function isFree(target) {
  return target === document.body || target.matches?.("[data-testid='stMain'], [data-testid='stAppScrollToBottomContainer']")
}

export default function (component) {
  const { parentElement } = component
  const known = turning.get(parentElement)
  if (known) {
    known.component = component
    return known.end
  }
  const turn = { component }
  const onKey = (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return
    const page = turn.component.data.present ? PAGES[event.key] : undefined
    const by = page ?? (isFree(event.target) ? ARROWS[event.key] : undefined)
    if (by === undefined) return
    event.preventDefault()
    turn.component.setTriggerValue("by", by)
  }
  turn.end = () => {
    document.removeEventListener("keydown", onKey)
    turning.delete(parentElement)
  }
  document.addEventListener("keydown", onKey)
  turning.set(parentElement, turn)
  return turn.end
}
