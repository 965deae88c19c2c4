/** What runs a project's test on every push, and applies it on the main branch: a workflow of GitHub, a pipeline of GitLab. */

export interface CiRequest {
  /** The pipeline's steps need the packages of requirements.txt. */
  readonly isPython: boolean;
}

export const githubPath = '.github/workflows/slipway.yaml';
export const gitlabPath = '.gitlab-ci.yml';

const githubPython = `      - uses: actions/setup-python@v5
        with: { python-version: '3.12', cache: pip }
      - run: python3 -m pip install -r requirements.txt
`;

export const githubWorkflow = ({ isPython }: CiRequest): string => `name: slipway
on:
  push:
  pull_request:

jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with: { node-version: 24 }
${isPython ? githubPython : ''}      # The package that your team installs: a version of the registry, or the file of a release.
      - run: npm install --global \${{ vars.SLIPWAY_PACKAGE || 'slipway' }}
      - run: node --test

  apply:
    if: github.ref == 'refs/heads/main' && github.event_name == 'push'
    needs: test
    runs-on: ubuntu-latest
    concurrency: slipway-apply
    env:
      SLIPWAY_URL: \${{ vars.SLIPWAY_URL }}
      SLIPWAY_TOKEN: \${{ secrets.SLIPWAY_TOKEN }}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with: { node-version: 24 }
      - run: npm install --global \${{ vars.SLIPWAY_PACKAGE || 'slipway' }}
      - run: slipway plan
      - run: slipway apply
`;

const gitlabPython = `    - apt-get update -qq
    - apt-get install -y -qq python3-venv
    - python3 -m venv .venv
    - .venv/bin/python -m pip install -q -r requirements.txt
    - export SLIPWAY_PYTHON="$PWD/.venv/bin/python"
`;

export const gitlabPipeline = ({ isPython }: CiRequest): string => `image: node:24

variables:
  # The package that your team installs: a version of the registry, or the file of a release.
  SLIPWAY_PACKAGE: slipway

before_script:
  - npm install --global "$SLIPWAY_PACKAGE"

test:
  script:
${isPython ? gitlabPython : ''}    - node --test

# SLIPWAY_URL and SLIPWAY_TOKEN are variables of the project; the token is masked and protected.
apply:
  needs: [test]
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
  resource_group: slipway-apply
  script:
    - slipway plan
    - slipway apply
`;
