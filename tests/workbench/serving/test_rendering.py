from __future__ import annotations

import nbformat

from workbench.serving.rendering import PageExecutor, error_panel, sentence_of


def failed(name: str, *told: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_output("error", ename=name, evalue="secret /home/x", traceback=list(told))


def test_our_errors_are_told_as_the_kernel_worded_them():
    assert sentence_of(failed("InputError", "Too thick."), 3, "en") == "Too thick."


def test_of_other_errors_only_the_step_is_told():
    for name in ("ZeroDivisionError", "Exception", "t", "WorkbenchErrors", "annotations"):
        said = sentence_of(failed(name, "File /home/x/secret.py", "password=1"), 3, "en")
        assert "step 3 of the page" in said
        assert "secret" not in said
        assert "password" not in said


def test_a_panel_holds_text_not_markup():
    assert "<script>" not in error_panel("<script>alert(1)</script>", "en")


def test_an_error_output_becomes_a_panel_and_other_outputs_stay():
    stream = nbformat.v4.new_output("stream", name="stdout", text="kept")
    cell = nbformat.v4.new_code_cell("x", outputs=[stream, failed("KeyError", "File /home/x")])
    executor = PageExecutor(nbformat.v4.new_notebook())
    executor.step = 1
    outputs = executor.strip_code_cell_errors(cell)["outputs"]
    assert [output["output_type"] for output in outputs] == ["stream", "display_data"]
    assert "/home/x" not in outputs[1]["data"]["text/html"]
    markdown = nbformat.v4.new_markdown_cell("words")
    assert executor.strip_code_cell_errors(markdown) is markdown
