"""Employees, a share of each class of item, implants by half (城市未注明 按项目类别分担).

Source: published: xiangrikui.com/jiankang/zhuanjia/20120409/205238.html.
Date: 2012-04-09.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    """Retired people bear 11.2 %, active ones 14 % of what counts; the deductible comes on top."""
    share = "88.8%" if case["person"]["category"] == "retired" else "86%"
    counted = 0
    for line in case["lines"]:
        implant = line["code"][0] == "C"
        counted += part(line["in_scope_fen"], "100%" if implant else share, "of_a_line")
    deductible = capped(yuan(800), counted, "deductible")
    basic = step("basic", counted - deductible)
    return {"payments": [payment("310100", basic, "basic")], "deductible_fen": deductible}
