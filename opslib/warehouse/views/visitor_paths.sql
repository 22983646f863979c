WITH numbered AS (
    SELECT
        touchpoints.visitor AS visitor,
        touchpoints.step AS step,
        touchpoints.channel AS channel,
        CASE WHEN touchpoints.converted THEN 1 ELSE 0 END AS bought,
        coalesce(touchpoints.value, 0) AS value,
        coalesce(
            sum(CASE WHEN touchpoints.converted THEN 1 ELSE 0 END) OVER (
                PARTITION BY touchpoints.visitor
                ORDER BY touchpoints.step
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), 0
        ) AS journey
    FROM touchpoints
),

journeys AS (
    SELECT
        numbered.visitor AS visitor,
        numbered.journey AS journey,
        string_agg(numbered.channel, ' > ' ORDER BY numbered.step) AS path,
        max(numbered.bought) AS bought,
        sum(numbered.value) AS value
    FROM numbered
    GROUP BY numbered.visitor, numbered.journey
)

SELECT
    journeys.path AS path,
    sum(journeys.bought) AS conversions,
    sum(journeys.value) AS value,
    sum(1 - journeys.bought) AS nulls
FROM journeys
GROUP BY journeys.path
