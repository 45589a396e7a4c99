"""Results of rule tests as JUnit XML, which CI systems show."""

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from runner.offline.rule_tests import Report, Result
from runner.rules.issues import Issue


def junit(report: Report) -> str:
    """Return the report as an XML text: a suite a rule, a case a test, and a suite of the errors of test files."""
    root = Element("testsuites")
    by_rule: dict[str, list[Result]] = {}
    for result in report.results:
        by_rule.setdefault(result.rule.rule_id, []).append(result)
    for results in by_rule.values():
        _suite(root, results)
    errors = [issue for issue in report.issues if issue.is_error]
    if errors:
        _errors(root, errors)
    indent(root)
    return tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(root: Element, results: list[Result]) -> None:
    failures = sum(not result.passed for result in results)
    rule = results[0].rule
    suite = SubElement(root, "testsuite", name=_xml(rule.name), tests=str(len(results)), failures=str(failures))
    for result in results:
        test = result.test
        case = SubElement(
            suite, "testcase", name=_xml(test.name), classname=rule.rule_id, file=str(test.path), line=str(test.line)
        )
        if not result.passed:
            SubElement(case, "failure", message=_xml(result.reason))


def _errors(root: Element, issues: Iterable[Issue]) -> None:
    suite = SubElement(root, "testsuite", name="test files")
    for issue in issues:
        case = SubElement(suite, "testcase", name=_xml(issue.message), file=str(issue.path), line=str(issue.line))
        SubElement(case, "error", message=_xml(issue.message)).text = _xml(issue.rendered())
    suite.set("tests", str(len(suite)))
    suite.set("errors", str(len(suite)))


def _xml(text: str) -> str:
    """Return the text without the characters that XML cannot hold."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)
