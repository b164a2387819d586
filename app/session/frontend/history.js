// What the browser's Back leads to: one entry for each page and each step of the lesson.
// Streamlit makes an entry of every change of the address that comes from the server, as when a page begins with the
// batch of another, and none of a choice among buttons. When somebody leaves a page, it also makes one of the old page
// with the new page's settings, because it takes the old page's out of the address before it names the new one.

if (!window.perscopeHistory) {
  window.perscopeHistory = true
  const own = { push: history.pushState.bind(history), replace: history.replaceState.bind(history) }
  let leaving = false
  const stepOf = ({ searchParams }) => searchParams.get("step") ?? "1"
  const go = (how) => (state, title, url) => {
    const [here, there] = [new URL(location), new URL(url, location)]
    const isStay = here.pathname === there.pathname
    if (isStay && leaving) return
    leaving = false
    const turned = stepOf(here) === stepOf(there) ? "replace" : "push"
    own[isStay ? turned : how](state, title, url)
  }
  history.pushState = go("push")
  history.replaceState = go("replace")
  addEventListener("popstate", () => (leaving = false))
  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]")
    const isPlain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)
    leaving = Boolean(link) && isPlain && link.origin === location.origin && link.pathname !== location.pathname
  }, true)
}
