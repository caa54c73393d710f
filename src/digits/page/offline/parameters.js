// Parameters: the tuned numbers of the reading wing, by stage, as Python exported them.

export let parameters = null;

export function setParameters(exported) {
  parameters = exported;
}
